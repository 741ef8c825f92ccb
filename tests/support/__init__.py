"""What tests share: scenarios, clusters, models, commands. No test imports another test."""
