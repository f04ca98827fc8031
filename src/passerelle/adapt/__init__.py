"""`passerelle adapt`: adapt any vision-language model by a method that is a list of stages."""
