//! What every process needs to be operated: settings, logs, an end in good order.

pub mod env;
pub mod shutdown;
pub mod telemetry;
