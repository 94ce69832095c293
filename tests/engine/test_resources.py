"""SimPy's resources on the compiled loop: they stay SimPy's, and users' changes stay theirs."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import simpy

from simcluster.kernels import events


@pytest.fixture
def env() -> Any:
    return events.Environment()


def use(store: Any) -> None:
    """Sends a few items through *store*."""
    env = store._env
    for _ in range(3):
        store.put(1)
        store.get()
    env.run()


def test_requests_are_simpys_and_know_what_simpys_know(env: Any) -> None:
    store, resource = simpy.Store(env, 1), simpy.Resource(env)
    log = []

    def program() -> Any:
        for _ in range(3):
            put = store.put("item")
            get = store.get()
            request = resource.request()
            yield put & get & request
            release = resource.release(request)
            log.append((put, get, request, release))
            yield release

    process = env.process(program())
    env.run()
    for put, get, request, release in log:
        assert isinstance(put, simpy.resources.store.StorePut)
        assert isinstance(get, simpy.resources.store.StoreGet)
        assert isinstance(request, simpy.resources.resource.Request)
        assert isinstance(release, simpy.resources.resource.Release)
        assert {each.proc for each in (put, get, request, release)} == {process}
        assert put.item == get.value == "item"
        assert release.request is request
        assert request.usage_since == 0
        assert (put.resource, request.resource) == (store, resource)
        assert [repr(each).split("(")[0] for each in (put, get, request, release)] == [
            "<StorePut",
            "<StoreGet",
            "<Request",
            "<Release",
        ]


def test_a_request_is_released_when_its_block_ends(env: Any) -> None:
    resource, store = simpy.Resource(env), simpy.Store(env)

    def user() -> Any:
        for _ in range(3):
            with resource.request() as request:
                yield request
                assert resource.count == 1
            assert resource.count == 0
            with store.get() as get:
                yield get | env.timeout(1)
            assert store.get_queue == []
        try:
            with resource.request() as request:
                yield request
                raise KeyError
        except KeyError:
            pass
        assert resource.count == 0

    env.run(until=env.process(user()))


def test_a_request_of_a_closed_generator_is_not_released(env: Any) -> None:
    resource = simpy.Resource(env)
    resource.release(resource.request())

    def user() -> Any:
        with resource.request() as request:
            yield request
            yield env.timeout(10)

    generator = user()
    process = env.process(generator)
    env.run(until=1)
    events.kill(process).close()
    assert resource.count == 1


@pytest.mark.parametrize("early", [True, False], ids=["wrapped at once", "wrapped after use"])
def test_a_resource_that_somebody_has_wrapped_stays_wrapped(env: Any, early: bool) -> None:
    store, log = simpy.Store(env), []
    if not early:
        use(store)
    for name in ("put", "get"):
        method = getattr(store, name)
        setattr(
            store,
            name,
            lambda *args, name=name, method=method: (log.append(name), method(*args))[1],
        )
    use(store)
    assert log == ["put", "get"] * 3


def test_subclasses_of_resources_run_their_own_methods(env: Any) -> None:
    log = []

    class Counting(simpy.Store):
        def put(self, item: Any) -> Any:
            log.append("put")
            return super().put(item)

        def _trigger_get(self, event: Any) -> None:
            log.append("trigger")
            super()._trigger_get(event)

        def _do_get(self, event: Any) -> Any:
            log.append(event.proc)
            return super()._do_get(event)

    def counted(cls: Any) -> Any:
        log.clear()
        use(cls(events.Environment()))
        compiled = list(log)
        log.clear()
        use(cls(simpy.Environment()))
        return compiled, list(log)

    compiled, plain = counted(Counting)
    assert compiled == plain


def test_a_resource_of_plain_simpy_is_left_alone(env: Any) -> None:
    use(simpy.Store(env))
    store = simpy.Store(simpy.Environment())
    use(store)
    assert type(store.put(1)) is simpy.resources.store.StorePut


def test_simpys_classes_are_left_alone(env: Any) -> None:
    before = {
        cls: dict(vars(cls))
        for cls in (simpy.Store, simpy.Resource, simpy.Event, simpy.resources.base.BaseResource)
    }
    use(simpy.Store(env))
    assert {cls: dict(vars(cls)) for cls in before} == before


def test_a_queue_that_breaks_its_promise_is_found_out(env: Any) -> None:
    class Unfaithful(list):  # type: ignore[type-arg]
        def pop(self, at: int = -1) -> Any:
            super().pop(at)
            return None

    store = simpy.Store(env)
    use(store)
    store.put_queue = Unfaithful()
    with pytest.raises(RuntimeError, match="Put queue invariant violated"):
        store.put(1)


def test_an_abandoned_resource_is_collected(env: Any) -> None:
    use(simpy.Store(env))
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is simpy.Store]
