"""Whose turn it is."""

import threading

from service.api.admission import Turns
from tests.e2e.running import until


def test_turns_come_in_the_order_of_asking():
    """However many wait and come anew, nobody goes before who came before."""
    turns, order = Turns(2), []
    assert turns.take()
    assert turns.take()

    def wait(number):
        assert turns.take()
        order.append(number)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        until(lambda number=number: len(turns._line) == number + 1)
    for number in range(5):
        turns.give_back()
        assert not turns.take(timeout=0)  # it is another's
        until(lambda number=number: len(order) == number + 1)
    assert order == [0, 1, 2, 3, 4]
    for thread in threads:
        thread.join()


def test_who_gives_up_leaves_the_line():
    """A turn that did not come in time goes to the next, and none is lost."""
    turns = Turns(1)
    assert turns.take()
    assert not turns.take(timeout=0.01)
    turns.give_back()
    assert turns.take(timeout=0)
    turns.give_back()
