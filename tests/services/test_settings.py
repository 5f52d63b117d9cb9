"""Settings are read strictly, and a mistake names its line and what would be allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpp_console.protocol import MppError
from mpp_console.services.errors import SettingsError
from mpp_console.services.settings import EXAMPLE, Settings, load_settings, mistake, parse_settings, write_example


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == Settings()


def test_the_example_holds_and_changes_nothing() -> None:
    assert parse_settings(EXAMPLE) == Settings()


def test_every_commented_line_of_the_example_holds() -> None:
    """What people uncomment must work."""
    lines = [line.lstrip("# ") if line.startswith("#") else line for line in EXAMPLE.splitlines()[1:]]
    settings = parse_settings("\n".join(lines).replace("0x…", "0x3325a78425F17a7E487Eb5666b2bFd93aBb06c70"))
    assert settings.policy.per_day == {"pathUSD": "5"}
    assert settings.networks["devnet"].chain_id == 1337
    assert settings.policy.origins[0].per_day == "1"


@pytest.mark.parametrize(
    ("text", "line", "word", "hint"),
    [
        ('account = "x"\nprofil = "x"\n', 2, "profil", "profile"),
        ('profile = "sandbox"\ntheme = "x"\n', 2, "[console]", ""),
        ('[console]\nkeymap = "vi"\n', 2, "console.keymap", ""),
        ('[console]\ntheme = "x"\ncolour = "x"\n', 3, "colour", "keymap"),
        ("[console]\nascii = 'yes'\n", 2, "console.ascii", ""),
        ('[console.keys]\n"maximize" = "z"\nlist.mark = "x"\n', 3, "console.keys", "quotes"),
        ("[server]\n\nport = true\n", 3, "server.port", ""),
        ("[server]\nport = 70000\n", 2, "65535", ""),
        ("[policy]\nconfirm = true\n\n[policy.per_day]\na = '1'\npathUSD = 0.5\n", 6, "pathUSD", '"0.50"'),
        ('[policy.per_day]\n"pathUSD" = "half"\n', 2, "half", '"0.50"'),
        ('[[policy.origins]]\norigin = "a"\ncurrency = "b"\nper_dy = "1"\n', 4, "per_dy", "per_day"),
        ("[networks.mine]\nfoo = 1\n", 2, "foo", "rpc_url"),
        ('[policies.mainnet.per_month]\npathUSD = "-1"\n', 2, "-1", ""),
        ('[policy]\nconfirm = "yes"\n', 2, "policy.confirm", ""),
        ("[sessions]\nwatched = true\n", 2, "watched", "idle_days"),
        ("[sessions]\nbalance_share = 0\n", 2, "sessions.balance_share", ""),
        ('[sessions]\nescrows = ["0x12"]\n', 2, "sessions.escrows", ""),
        ('[sessions.maximum]\n\npathUSD = "five"\n', 3, "five", '"0.50"'),
        ("[sessions.top_up]\npathUSD = 1\n", 2, "pathUSD", '"0.50"'),
    ],
)
def test_a_mistake_names_its_line(text: str, line: int, word: str, hint: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_settings(text, "settings.toml")
    assert f"settings.toml, line {line}:" in raised.value.message
    assert word in raised.value.message
    assert hint in (raised.value.hint or "")


def test_a_mistake_that_only_the_screens_can_see_names_its_line_too(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[console]\nkeymap = "vim"\n\n[console.keys]\n"maximize" = "z"\n"list.mark" = "ctrl+i"\n')
    error = mistake(path, ("console", "keys", "list.mark"), "ctrl+i is tab to a terminal", "choose another key")
    assert error.message == f"{path}, line 6: ctrl+i is tab to a terminal"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('profile = "sandbox"\nserver = \n', 2),
        ("[x\n", 1),
        ('profile = "sandbox"\nallow = [1,\n\n', 2),  # what ends too early is told of the last line
        ('profile = """sandbox', 1),
    ],
)
def test_broken_toml_names_its_line(text: str, line: int) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_settings(text, "here.toml")
    assert raised.value.message.startswith(f"here.toml, line {line}: ")
    assert "(at" not in raised.value.message


@pytest.mark.parametrize(("content", "line"), [(b"\xff\xfe", 1), (b'profile = "sandbox"\n# caf\xe9\n', 2)])
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes, line: int) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"line {line}: not UTF-8"):
        load_settings(path)


def test_one_profile_may_have_rules_of_its_own() -> None:
    settings = parse_settings("[policy]\nconfirm = false\n[policies.mainnet]\nconfirm = true\n")
    assert settings.policy_of("sandbox").confirm is False
    assert settings.policy_of("mainnet").confirm is True


def test_the_example_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    write_example(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(MppError, match="exists"):
        write_example(path)
