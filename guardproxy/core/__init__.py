"""What we decide. Pure: values in, values out."""
