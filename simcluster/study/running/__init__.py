"""How the runs of a study are carried out: in processes, on Dask, one after the other."""
