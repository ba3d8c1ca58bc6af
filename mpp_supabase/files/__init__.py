"""Files that people write or publish: editions, and the directory of schools."""
