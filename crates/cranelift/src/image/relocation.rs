//! References from one function's code to another's.

use anyhow::{Context as _, Result, bail};
use cranelift_codegen::binemit::Reloc;
use threadline_environ::artifact::FuncKey;

/// A place in a function's code that holds a distance to another function.
#[derive(Debug)]
pub(crate) struct Relocation {
    /// Where in the function's code.
    pub(crate) offset: u32,
    /// How the distance is written.
    pub(crate) kind: Reloc,
    /// Added to the distance.
    pub(crate) addend: i64,
    /// The function referred to.
    pub(crate) target: FuncKey,
}

impl Relocation {
    /// Writes the distance into the text, given where both functions start.
    ///
    /// # Errors
    /// If the distance does not fit its field, or the kind is not one we make.
    pub(crate) fn apply(&self, text: &mut [u8], from: u32, to: u32) -> Result<()> {
        let at = from + self.offset;
        let distance = i64::from(to) + self.addend - i64::from(at);
        let field = text
            .get_mut(at as usize..at as usize + 4)
            .context("a relocation lies outside its function")?;
        match self.kind {
            Reloc::X86PCRel4 | Reloc::X86CallPCRel4 | Reloc::X86CallPLTRel4 => {
                let distance = i32::try_from(distance).context("a call is too far for 32 bits")?;
                field.copy_from_slice(&distance.to_le_bytes());
            }
            Reloc::Arm64Call => {
                let words = distance >> 2;
                if !(-(1 << 25)..1 << 25).contains(&words) {
                    bail!("a call is too far for 26 bits: the generated code is over 128 MiB");
                }
                let mut instruction = u32::from_le_bytes([field[0], field[1], field[2], field[3]]);
                instruction = instruction & !0x03ff_ffff | words as u32 & 0x03ff_ffff;
                field.copy_from_slice(&instruction.to_le_bytes());
            }
            other => bail!("relocation kind {other:?} is not supported"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use threadline_environ::SignatureIndex;

    fn relocation(kind: Reloc, addend: i64) -> Relocation {
        Relocation {
            offset: 4,
            kind,
            addend,
            target: FuncKey::HostToWasm(SignatureIndex::from_u32(0)),
        }
    }

    #[test]
    fn x86_distances_count_from_behind_the_field() {
        let mut text = vec![0; 64];
        relocation(Reloc::X86CallPCRel4, -4)
            .apply(&mut text, 16, 0)
            .unwrap();
        assert_eq!(text[20..24], (-24i32).to_le_bytes());
    }

    #[test]
    fn arm_distances_are_in_words_and_keep_the_opcode() {
        let mut text = vec![0; 64];
        text[20..24].copy_from_slice(&0x9400_0000u32.to_le_bytes());
        relocation(Reloc::Arm64Call, 0)
            .apply(&mut text, 16, 0)
            .unwrap();
        assert_eq!(text[20..24], 0x97ff_fffbu32.to_le_bytes());
    }

    #[test]
    fn a_distance_that_does_not_fit_is_an_error() {
        let mut text = vec![0; 64];
        let far = relocation(Reloc::Arm64Call, 1 << 40);
        assert!(far.apply(&mut text, 16, 0).is_err());
    }
}
