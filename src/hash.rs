//! FNV-1a of 64 bits (Fowler, Noll and Vo): against mix-ups and broken files, not against malice.

/// A hash in the making: for each byte, xor and multiply by the FNV prime.
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Takes bytes in, their number first, so that `ab`, `c` is not `a`, `bc`.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.raw(bytes);
    }

    /// Takes a number in.
    pub fn number(&mut self, number: usize) {
        self.raw(&(number as u64).to_le_bytes());
    }

    /// The hash of all that was taken in.
    pub fn finish(&self) -> u64 {
        self.0
    }

    fn raw(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        let of = |text: &str| {
            let mut hash = Fnv::default();
            hash.raw(text.as_bytes());
            hash.finish()
        };
        assert_eq!(of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of("foobar"), 0x8594_4171_f739_67e8);
    }
}
