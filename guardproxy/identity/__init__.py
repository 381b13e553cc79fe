"""Who is calling: keys, where they are kept, and what each of them is for."""
