"""Costs are counted: exact, and the same on every machine."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from makemore3.data import Dataset
from makemore3.lab.bench import notebook_loop
from makemore3.lab.counting import Cost, cost_of


def test_a_product_is_one_call_two_flop_for_each_pair_and_three_matrices():
    a, b = torch.ones(4, 8), torch.ones(8, 16)
    cost = cost_of(lambda: a @ b)
    assert cost == Cost(calls=1, flops=2 * 4 * 8 * 16, traffic=4 * (4 * 8 + 8 * 16 + 4 * 16))


def test_the_products_of_the_backward_pass_are_counted():
    a = torch.ones(4, 8, requires_grad=True)
    b = torch.ones(8, 16, requires_grad=True)
    forward = cost_of(lambda: a @ b)
    both = cost_of(lambda: (a @ b).sum().backward())
    assert both.flops == 3 * forward.flops
    assert both.calls > 3


def test_a_view_is_a_call_that_moves_nothing():
    a = torch.ones(4, 8)
    assert cost_of(lambda: a.view(8, 4)) == Cost(calls=1, flops=0, traffic=0)


def test_indexing_reads_the_rows_that_it_returns_and_not_the_whole_table():
    table, rows = torch.ones(1000, 8), torch.tensor([3, 5])
    cost = cost_of(lambda: table[rows])
    assert cost.traffic == 2 * (2 * 8 * 4) + 2 * 8  # read and written, and the two indices


def test_nothing_costs_nothing_and_costs_can_be_subtracted():
    assert cost_of(lambda: None) == Cost(0, 0, 0)
    assert Cost(5, 40, 300) - Cost(2, 10, 100) == Cost(3, 30, 200)


def test_what_runs_afterwards_is_not_counted():
    a = torch.ones(2, 2)
    counted = cost_of(lambda: F.relu(a))
    F.relu(a)
    assert counted.calls == 1


def test_an_error_of_the_computation_is_passed_on():
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        cost_of(lambda: torch.ones(2, 3) @ torch.ones(2, 3))


def test_a_step_of_the_notebooks_loop_has_the_products_of_the_formula(made_up: Dataset):
    two, one = (cost_of(partial(notebook_loop, made_up, steps)) for steps in (2, 1))
    assert (two - one).flops == 3 * 2 * 32 * (30 * 200 + 200 * 27)
