"""What a reviewer can do: each action's name, its key, its picture, and how the record tells of it."""

from typing import Final

NAMES: Final = {
    "approve": "Approve",
    "edit": "Edit",
    "reject": "Reject",
    "respond": "Respond",
    "take_over": "Take over",
    "ignore": "Ignore",
    "answer": "Answer",
}
"""Actions as the buttons call them."""

DONE: Final = {
    "approve": "Approved",
    "edit": "Edited",
    "reject": "Rejected",
    "respond": "Responded to",
    "take_over": "Taken over",
    "ignore": "Ignored",
    "answer": "Answered",
    "vote": "Voted on",
    "withdrawn": "Taken back",
    "refused": "Refused by the graph",
}
"""Actions as the record tells of them."""

GIVING: Final = ("edit", "take_over")
"""Actions with which a reviewer gives a value of their own."""

OPENING: Final = ("reject", "respond", *GIVING)
"""Actions that open a panel to type in before anything is recorded."""

KEYS: Final = {
    "approve": "A",
    "edit": "E",
    "reject": "X",
    "respond": "P",
    "take_over": "T",
    "ignore": "I",
    "answer": "Ctrl+Enter",
}
"""The key of each action; R and C are Streamlit's own."""

ICONS: Final = {
    "approve": ":material/check:",
    "edit": ":material/edit:",
    "reject": ":material/close:",
    "respond": ":material/reply:",
    "take_over": ":material/front_hand:",
    "ignore": ":material/block:",
    "answer": ":material/send:",
}


def named(action: str) -> str:
    """An action as a button calls it, one of somebody's own as well."""
    return NAMES.get(action, action.replace("_", " ").capitalize())


def done(action: str) -> str:
    """An action as the record tells of it."""
    return DONE.get(action, f"Recorded {action}")
