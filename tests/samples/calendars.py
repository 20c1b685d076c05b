"""The text of calendar files."""

from __future__ import annotations


def calendar(body: str, product: str = "-//Example//EN") -> str:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:{product}\n{body}END:VCALENDAR\n"


def event(times: str, more: str = "") -> str:
    head = "BEGIN:VEVENT\nUID:one@example.org\nDTSTAMP:20260101T000000Z"
    return f"{head}\n{times}\nSUMMARY:Standup\n{more}END:VEVENT\n"
