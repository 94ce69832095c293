"""The experiments that the demo leaves out."""

ON_LEARNING = (
    "algorithms",
    "data_distribution",
    "communication",
    "online",
    "is_async_needed",
    "gradient_coding_phase",
    "execution_modes",
    "all_reduce",
    "federated",
    "byzantine",
    "compression",
    "recovery",
    "detectors",
)

ON_SCHEDULING = ("task_graphs", "locality", "stragglers")
ON_SERVING = ("retry_storm", "stale_information", "autoscaling")

ON_REPLICATION = (
    "consistency_levels",
    "quorum_staleness",
    "raft_availability",
    "partition_and_heal",
    "replicated_training",
)

BESIDE_THE_DEMO = ON_LEARNING + ON_SCHEDULING + ON_SERVING + ON_REPLICATION
