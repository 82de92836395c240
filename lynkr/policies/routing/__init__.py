"""Which tier of models a call goes to, and how long a conversation stays there."""
