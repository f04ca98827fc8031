"""Native experts judge, correct and write in a web page, and what they did flows back into the data."""
