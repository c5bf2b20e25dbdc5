"""One page on a campaign: an HTML file that needs no server and no network."""
