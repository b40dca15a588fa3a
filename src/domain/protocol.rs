//! Which versions of the engine may run side by side.

/// What engines that share Redis and ledger have in common: the forms of what is kept, of the journal
/// and of what a commit means. It has a number, which rises when one of these changes.
///
/// An engine that shares drops with older protocols writes nothing that these can't read. So of two
/// engines the newer one decides whether they may run side by side, and it can only share with what
/// it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its number.
    pub number: i64,
    /// The oldest with which it shares drops.
    pub shares_from: i64,
}

impl Protocol {
    /// That of this version, as in `lua/lib/shares_protocol.lua`.
    pub const OURS: Protocol = Protocol { number: 1, shares_from: 1 };

    /// Whether both may use the same drops at the same time.
    #[must_use]
    pub fn shares_with(self, other: Protocol) -> bool {
        if self.number >= other.number {
            other.number >= self.shares_from
        } else {
            self.number >= other.shares_from
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_one_decides() {
        let of = |number, shares_from| Protocol { number, shares_from };
        for (one, other, shares) in [
            (of(1, 1), of(1, 1), true),
            (of(1, 1), of(2, 1), true),
            (of(1, 1), of(2, 2), false),
            (of(2, 2), of(3, 2), true),
            (of(1, 1), of(3, 2), false),
            (of(2, 1), of(3, 2), true),
        ] {
            assert_eq!(one.shares_with(other), shares, "{one:?} {other:?}");
            assert_eq!(other.shares_with(one), shares, "{other:?} {one:?}");
        }
    }
}
