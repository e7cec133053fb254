"""A lab that knows the answer: made-up fleets with a known trouble, and how well ``lastseen why`` finds it."""
