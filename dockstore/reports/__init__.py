"""One renderer each: a Report in, a text out. They see verdicts and do not know one another."""
