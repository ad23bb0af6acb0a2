//! A batch: which import's is next, the hold on it and the only way to its transaction, and its
//! parts where it is too much for one.

pub(crate) mod claim;
pub(crate) mod context;
pub(crate) mod parts;
pub(crate) mod scheduling;
