"""What the pages about models send."""

from collections.abc import Sequence

from django import forms

from studio.catalogue.routing import Step


class StepForm(forms.Form):
    """One more connection for a model's route, of those that lead to it."""

    step = forms.ChoiceField(
        label="Add a connection",
        error_messages={
            "required": "Choose a connection.",
            "invalid_choice": "This connection does not lead to the model, or stands in the list already.",
        },
    )

    def __init__(self, data: object = None, *, steps: Sequence[Step]) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # Django's stubs know no QueryDict here
        self._steps = {f"{step.connection.pk}:{step.via.pk}": step for step in steps}
        choices = [(key, f"{step.connection.name}, as {step.via.title}") for key, step in self._steps.items()]
        self.fields["step"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def has_choices(self) -> bool:
        """Whether there is any connection left to add."""
        return bool(self._steps)

    def chosen(self) -> Step:
        """Return what was chosen; only of a valid form."""
        return self._steps[self.cleaned_data["step"]]


class MoveForm(forms.Form):
    """What to do with one connection of a route."""

    act = forms.ChoiceField(choices=[("up", "Up"), ("down", "Down"), ("remove", "Remove")])
