"""Commands of the command line, one module each; none imports anything heavy before it runs."""
