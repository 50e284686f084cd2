"""Runs handed to a Dask cluster, which may have many machines."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import TypeVar

PATIENCE = 60
"""Seconds after which a scheduler that doesn't answer, or that has no worker, is given up."""

_Outcome = TypeVar("_Outcome")


def call_on_cluster(
    scheduler: str,
    function: Callable[..., _Outcome],
    shared: object,
    calls: Sequence[tuple[object, ...]],
) -> Iterator[tuple[int, _Outcome]]:
    """Call a function many times on the workers of a cluster, and yield what comes back.

    What a worker was doing when it was lost is done again by another one.

    Args:
        scheduler: Address of the cluster's scheduler, e.g. `"tcp://10.0.0.1:8786"`.
        function: A function of a module that the workers have too.
        shared: Its first argument, the same for all calls, sent once.
        calls: Its other arguments, for each call.

    Yields:
        The number of a call and its outcome, in the order in which the calls end.

    Raises:
        ValueError: If `distributed` is not installed.
        OSError: If there is no scheduler at the address, it has no workers, or it is lost, or if a
            call has lost several workers, one after the other.
        Exception: What a call has raised.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ModuleNotFoundError as error:
        raise ValueError(
            f"a cluster needs {error.name}, which is not installed; in the project's folder run: "
            'python -m pip install -e ".[cluster]"'
        ) from error

    with Client(scheduler, timeout=PATIENCE, set_as_default=False) as client:
        client.wait_for_workers(1, timeout=PATIENCE)
        # The scheduler keeps the argument of this task, so that losing workers does not lose it.
        sent = client.submit(_itself, shared, pure=False)
        futures = {
            client.submit(function, sent, *call, pure=False): index
            for index, call in enumerate(calls)
        }
        try:
            for future in as_completed(futures, loop=client.loop):
                yield futures[future], future.result()
        except KilledWorker as error:
            raise OSError(f"the cluster has lost several workers at one task: {error}") from error
        except CancelledError as error:
            raise OSError(f"the cluster's scheduler {scheduler} is lost: {error}") from error


def _itself(shared: object) -> object:
    return shared
