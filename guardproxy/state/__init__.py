"""What proxies remember together beside the account: who made what is stored, and which answers went out."""
