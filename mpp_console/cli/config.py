"""`config`: where the settings are, what they say, and a file to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.output import print_facts, print_json, say

__all__ = ["config"]

_UNSET: tuple[Any, ...] = (None, {}, [])


@click.group()
def config() -> None:
    """Settings: where they are, what they say."""


@config.command()
@pass_app
def path(app: App) -> None:
    """Where settings and data are kept, said even when the settings do not hold."""
    from mpp_console.protocol import MppError
    from mpp_console.services.paths import Paths
    from mpp_console.services.settings import load_settings

    paths = Paths.find()
    places = {"settings": str(paths.settings), "data": str(paths.data)}
    try:
        places["profile"] = str(paths.profile(app.profile or load_settings(paths.settings).profile).folder)
    except MppError as error:
        say(f"! {error}")
    if app.json:
        print_json(places)
    else:
        print_facts(places.items())


@config.command()
@pass_app
def show(app: App) -> None:
    """The settings in force, defaults included, and the spending policy they make."""

    async def work(console: Any) -> Any:
        return console.profile, console.policy()

    import msgspec

    profile, policy = app.run(work)
    settings = msgspec.to_builtins(app.settings())
    if app.json:
        print_json({"profile": profile.name, "settings": settings, "policy": [list(line) for line in policy.lines]})
        return
    print_facts(
        [
            ("profile", f"{profile.name}: {profile.label}, chain {profile.chain_id}"),
            ("node", profile.rpc_url or "its own"),
            *(("setting", f"{name} = {_text(value)}") for name, value in _flat(settings) if value not in _UNSET),
            *((f"policy, {title}", value) for title, value in policy.lines),
        ]
    )


@config.command()
@click.option("--stdout", "to_stdout", is_flag=True, help="Print it instead of writing it.")
@pass_app
def init(app: App, *, to_stdout: bool) -> None:
    """Write a settings file with every setting explained. Never replaces one."""
    from mpp_console.protocol import MppError
    from mpp_console.services.paths import Paths
    from mpp_console.services.settings import EXAMPLE, write_example

    if to_stdout:
        click.echo(EXAMPLE, nl=False)
        return
    target = Paths.find().settings
    try:
        write_example(target)
    except MppError as error:
        app.fail(error)
    if app.json:
        print_json({"settings": str(target)})
    else:
        say(f"wrote {target}")


@config.command()
@pass_app
def check(app: App) -> None:
    """Whether the settings hold, for every profile and for the screens."""
    from mpp_console.cli.console import check_screens
    from mpp_console.protocol import MppError
    from mpp_console.services.errors import UnknownProfile
    from mpp_console.services.paths import Paths
    from mpp_console.services.policy import check_currencies, spending_policy
    from mpp_console.services.profile import find_profile, profile_names
    from mpp_console.services.settings import mistake

    settings, file = app.settings(), Paths.find().settings
    try:
        try:
            find_profile(settings.profile, settings)
        except UnknownProfile as error:
            raise mistake(file, ("profile",), str(error), error.hint or "") from error
        profiles = [find_profile(name, settings) for name in profile_names(settings)]
        for profile in profiles:
            rules = settings.policy_of(profile.name)
            check_currencies(rules, [other.network for other in profiles])
            spending_policy(rules, profile.network)
        check_screens(settings, file)
    except MppError as error:
        app.fail(error)
    if app.json:
        print_json({"ok": True, "profiles": [profile.name for profile in profiles]})
    else:
        print_facts((profile.name, f"{profile.label}, chain {profile.network.chain_id}") for profile in profiles)


def _flat(settings: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The settings with the names that they have in the file, those of the console one by one."""
    for name, value in settings.items():
        if name == "console":
            yield from ((f"{name}.{inner}", found) for inner, found in value.items())
        else:
            yield name, value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
