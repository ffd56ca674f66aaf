"""How to get an engine: by address, a private `dockerd`, Docker-in-Docker; and what they need (packages, the lab image)."""
