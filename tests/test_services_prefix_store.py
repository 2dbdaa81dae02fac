"""The store of evaluated prompt starts."""

from __future__ import annotations

from planloom.services.prefix_store import PrefixStore


def test_the_state_that_shares_most_is_found() -> None:
    store = PrefixStore(100)
    store.add([1, 2, 3], b"abc")
    store.add([1, 5, 6, 7], b"def")
    assert store.best([1, 5, 9]) == ((1, 5, 6, 7), b"def")
    assert store.best([1, 2, 3, 4]) == ((1, 2, 3), b"abc")
    assert store.best([9]) is None
    assert PrefixStore(100).best([1]) is None


def test_a_longer_start_replaces_a_shorter_one_and_covers_it() -> None:
    store = PrefixStore(100)
    store.add([1, 2], b"ab")
    store.add([1, 2, 3], b"abc")
    assert len(store) == 1
    assert store.covers([1, 2])
    assert not store.covers([1, 2, 3, 4])


def test_the_least_recently_used_goes_when_the_budget_is_spent() -> None:
    store = PrefixStore(6)
    store.add([1], b"aa")
    store.add([2], b"bb")
    store.add([3], b"cc")
    store.best([1])
    store.add([4], b"dd")
    assert [bool(store.best([token])) for token in (1, 2, 3, 4)] == [True, False, True, True]


def test_a_state_over_the_budget_is_not_kept() -> None:
    store = PrefixStore(3)
    store.add([1], b"aaaa")
    assert len(store) == 0
    store.add([2], b"aaa")
    assert len(store) == 1
