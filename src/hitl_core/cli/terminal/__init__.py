"""What a person sees and types: output, listings, the panel of a request, progress, the prompt and its keys."""
