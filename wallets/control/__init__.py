"""Control over withdrawals: who may withdraw how much, where to, and what has to be confirmed or approved before."""
