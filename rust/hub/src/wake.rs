//! The seam through which the hub tells the owner of a shard that commands wait.

/// Wakes the owner of a shard. Called from any thread, also while attached to Python: it must be short, must not
/// block, and must not call back into the hub.
pub trait Wake: Send + Sync + 'static {
    /// After this the owner calls [`crate::shard::Shard::run_commands`] soon. Several calls may become one.
    fn wake(&self);
}
