"""Trees on histograms and ensembles of trees."""
