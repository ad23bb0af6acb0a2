//! What lies between the stages: staged rows, what an earlier try of a stage has left, and what the
//! planner must know of both, and the issues in groups.

pub(crate) mod issue_groups;
pub(crate) mod leftovers;
pub(crate) mod rows;
pub(crate) mod statistics;
