"""The lecture's four plots of a report."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from makemore3.diagnostics import Monitor, Report, check
from makemore3.figures import plot_report


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    torch.manual_seed(0)
    yield
    plt.close("all")


def reports(depth: int = 8) -> tuple[Report, Report]:
    layers = [layer for _ in range(depth) for layer in (nn.Linear(6, 6), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(6, 3))
    x, y = torch.randn(32, 6), torch.randint(0, 3, (32,))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with Monitor(model, optimizer, every=2) as monitor:
        for _ in range(6):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return check(model, (x, y), F.cross_entropy), monitor.report()


def test_the_lectures_plots_are_drawn() -> None:
    before, after = map(plot_report, reports())
    assert [len(before), len(after)] == [3, 4]
    assert [ax.get_xlabel() for ax in after][::3] == ["activation", "step"]
    assert all(1 < len(ax.get_lines()) <= 7 for ax in after)
    assert after[0].get_legend() is not None
    assert after[1].get_legend() is None


def test_the_last_panel_has_the_updates() -> None:
    _, report = reports(depth=2)
    line = plot_report(report)[-1].get_lines()[0]
    assert np.asarray(line.get_xdata()).tolist() == list(report.steps)
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx(list(report.weights[0].update))


def test_a_report_without_gradients_is_refused() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))
    model.requires_grad_(False)
    model[2].bias.requires_grad_(True)  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
    report = check(model, (torch.randn(8, 6), torch.zeros(8).long()), F.cross_entropy)
    with pytest.raises(ValueError, match="finite values of 'gradient of the loss by it', got none"):
        plot_report(report)
