"""The same sums in fewer passes over memory: LoRA's in one function, and Liger's kernels on a GPU."""
