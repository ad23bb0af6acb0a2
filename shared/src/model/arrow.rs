//! An arrow between two states. Imports and batches have a table of them each, and what is not in
//! it is refused.

/// One allowed change of state.
#[derive(Debug, Clone, Copy)]
pub struct Arrow<State, Mover> {
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
    /// Who writes it.
    pub mover: Mover,
    /// Why it exists.
    pub because: &'static str,
}

pub(super) const fn arrow<State: Copy, Mover: Copy>(
    from: State,
    to: State,
    mover: Mover,
    because: &'static str,
) -> Arrow<State, Mover> {
    Arrow {
        from,
        to,
        mover,
        because,
    }
}

/// Is there an arrow from `from` to `to` in a table?
pub(super) fn leads<State: PartialEq, Mover>(
    table: &[Arrow<State, Mover>],
    from: &State,
    to: &State,
) -> bool {
    table
        .iter()
        .any(|arrow| arrow.from == *from && arrow.to == *to)
}
