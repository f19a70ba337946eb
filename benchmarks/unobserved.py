"""The service without access log, metrics and admission: the baseline for their cost."""

from service.__main__ import main
from service.api.http import metrics
from service.app import Service
from service.runtime.admission import Admission


def nothing(*_: object, **__: object) -> None:
    """Do nothing."""


metrics.finish = metrics.count_predictions = nothing
Service.log = Service.flush = Service.tick = nothing  # type: ignore[method-assign]
Admission.enter = Admission.leave = Admission.hold = nothing  # type: ignore[method-assign]
main()
