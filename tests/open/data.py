"""Data of one's own: arrays, a pandas frame, files, a generator; what cannot be learned from is refused by name."""
import numpy as np
import pandas as pd

from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.training import Csv, Generated, KMeans, ParameterServer, Parquet, TrainingJob, arrays, frame

table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["width", "height", "price"])
table.to_csv("houses.csv", index=False)
table.to_parquet("houses.parquet")
sources = {
    "arrays": arrays(table[["width", "height"]], table["price"]), "frame": frame(table, "price"),
    "csv": Csv(path="houses.csv", target="price"), "parquet": Parquet(path="houses.parquet", target="price"),
    "generated": Generated(name="regression", rows=60, options={"n_features": 2}),
}
cluster = ClusterSpec(nodes=nodes("n", 3))
for name, source in sources.items():
    job = TrainingJob(model=KMeans(clusters=3), data=source, exchange=ParameterServer(server="n-0"),
                      workers=cluster.names[1:], steps=5, batch_size=None)
    print(name, run(Scenario(cluster=cluster, job=job), seed=0).outcome.loss)
for wrong in (lambda: frame(table, "prize"), lambda: frame(table.assign(width="wide"), "price"),
              lambda: arrays(table, table["price"][1:]), lambda: arrays([[np.nan]], [1.0])):
    try:
        wrong()
    except ValueError as error:
        print(error)
