"""The work of benchmarks/training.py on Flower's simulation engine: prints the seconds of a worker-step.

``training_flower.py FILE STEPS``: FILE is a ``.npz`` of features with ones (n, d + 1), labels (n,), whose rows each is
(n,), the rate and l2. In each step the server sends the parameters to every client, each answers with the sum of the
gradients of softmax regression on its rows, and the server descends by their total, as a bulk-synchronous parameter
server does. It uses Flower's messages themselves, without a strategy of Flower's on top. One step before the others, in
which Ray starts its actors, is neither timed nor kept.
"""

import os
import sys
import time
from functools import lru_cache
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.simulation import run_simulation


@lru_cache
def shard(file: str, worker: int) -> tuple[np.ndarray, np.ndarray]:
    """What a client learns from; each actor reads it once."""
    given = np.load(file)
    mine = given["whose"] == worker
    return given["features"][mine], given["labels"][mine]


def gradient(weights: np.ndarray, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The sum of the rows' gradients, (d + 1, k)."""
    scores = features @ weights
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    slopes = powers / powers.sum(axis=1, keepdims=True)
    slopes[np.arange(len(labels)), labels] -= 1.0
    return features.T @ slopes


def client(file: str) -> ClientApp:
    """The program of all clients."""
    app = ClientApp()

    @app.train()
    def contribute(message: Message, context: Context) -> Message:
        (weights,) = message.content["arrays"].to_numpy_ndarrays()
        rows = shard(file, int(context.node_config["partition-id"]))
        return Message(RecordDict({"arrays": ArrayRecord([gradient(weights, *rows)])}), reply_to=message)

    return app


def server(file: str, steps: int, found: dict[str, object]) -> ServerApp:
    """The program of the server, which leaves seconds and parameters in ``found``."""
    app = ServerApp()
    given = np.load(file)
    workers, rows = int(given["whose"].max()) + 1, len(given["labels"])
    rate, l2 = float(given["rate"]), float(given["l2"])

    def step(grid: Grid, weights: np.ndarray) -> np.ndarray:
        asked = [
            Message(RecordDict({"arrays": ArrayRecord([weights])}), dst_node_id=node, message_type="train")
            for node in grid.get_node_ids()
        ]
        replies = list(grid.send_and_receive(asked))
        if failed := [reply.error for reply in replies if reply.has_error()]:
            raise RuntimeError(f"every client must answer, got {failed[0]}")
        answers = [reply.content["arrays"].to_numpy_ndarrays()[0] for reply in replies]
        if len(answers) != workers:
            raise RuntimeError(f"each of {workers} clients must answer, got {len(answers)} answers")
        return weights - rate * (np.add.reduce(answers) / rows + l2 * weights)

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        while len(list(grid.get_node_ids())) < workers:
            time.sleep(0.1)
        weights = np.zeros((given["features"].shape[1], int(given["labels"].max()) + 1))
        step(grid, weights)
        begin = time.perf_counter()
        for _ in range(steps):
            weights = step(grid, weights)
        found["seconds"], found["parameters"] = (time.perf_counter() - begin) / steps / workers, weights

    return app


def main() -> None:
    """Train, and print the seconds of a worker-step and the square of the parameters' length."""
    found: dict[str, object] = {}
    file, steps = sys.argv[1], int(sys.argv[2])
    workers = int(np.load(file)["whose"].max()) + 1
    backend = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}, "init_args": {"logging_level": "error"}}
    run_simulation(server(file, steps, found), client(file), num_supernodes=workers, backend_config=backend)
    print(f"{found['seconds']:.9f}", f"{np.vdot(found['parameters'], found['parameters']):.12g}")


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    import training_flower  # as which Ray's processes know it too, so that each reads its rows once

    training_flower.main()
