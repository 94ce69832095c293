"""A job of one's own: a primary and a backup that count. Which faults make them forget what they have answered?"""
from simcluster import ClusterSpec, Scenario, nodes, run
from simcluster.faults import Broken, CrashNode, PauseNode, Swarm, search_seeds, shrink, trial_of
from simcluster.recovery import ask


class PrimaryBackup:
    def primary(self, node):
        number = (yield node.storage.read("number")) if "number" in node.storage else 0
        while True:
            message = yield node.receive("add")
            number += 1
            yield node.storage.write("number", number)  # and no flush: the backup has it too, but who asks the backup?
            yield from ask(node, "n-1", "copy", number, timeout_s=0.1)
            node.reply(message, number)

    def backup(self, node):
        while True:
            node.reply((yield node.receive("copy")))

    def client(self, node):
        answers = []
        for _ in range(8):
            answers.append((yield from ask(node, "n-0", "add", timeout_s=0.1)).body)
            yield node.timer(0.2)
        self.done.succeed(answers == sorted(set(answers)))

    def start(self, cluster, seed):
        self.done = cluster.env.event()
        cluster["n-0"].boot(self.primary), cluster["n-1"].boot(self.backup), cluster["n-2"].boot(self.client)
        return self.done


scenario = Scenario(cluster=ClusterSpec(nodes=nodes("n", 3)), job=PrimaryBackup(), horizon_s=60.0)
trial = trial_of(lambda f, seed: run(scenario.under(f), seed), lambda r: [None if r.outcome else Broken("they grow")])
draw = Swarm(nodes=("n-0", "n-1"), horizon_s=2.0, kinds=(CrashNode, PauseNode)).draw
found = shrink(search_seeds(trial, draw, range(100)), trial)
assert (found.replay(trial).rule, [type(fault) for fault in found.faults]) == ("they grow", [CrashNode])
