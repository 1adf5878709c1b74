"""The pages, one module each: pure functions from values to markup, and in `handlers` what fetches the values."""
