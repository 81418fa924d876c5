//! Function bodies: validated operator by operator, with the frame and the nesting measured on the way.

use wasmer::sys::wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator, Payload, ValidPayload, Validator,
    ValidatorResources,
};

use super::{CodeFault, Limit, charges::Charges, count::Counts, invalid, runs::Runs, values::Values};
use crate::cost;

/// Memory that one function's validation leaves to the next.
#[derive(Default)]
pub(super) struct Functions {
    /// Where the functions so far pay.
    pub(super) charges: Charges,
    allocations: FuncValidatorAllocations,
}

type Body<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

impl Functions {
    /// Validates a section; for a function's body, hands it back to be validated.
    pub(super) fn next<'a>(
        &self,
        validator: &mut Validator,
        payload: &Payload<'a>,
    ) -> Result<Option<Body<'a>>, CodeFault> {
        match validator.payload(payload).map_err(invalid)? {
            ValidPayload::Func(function, body) => Ok(Some((function, body))),
            _ => Ok(None),
        }
    }

    /// Validates a body.
    pub(super) fn validate(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        counts: &mut Counts,
    ) -> Result<(), CodeFault> {
        let parameters = counts.parameters_of(function.ty);
        // Counted before anything is allocated for them: a few bytes can declare four billion.
        let mut locals = parameters;
        for group in body.get_locals_reader().map_err(invalid)? {
            locals += u64::from(group.map_err(invalid)?.0);
            counts.note(Limit::FrameSlots, locals)?;
        }
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader).map_err(invalid)?;
        let mut operators = body.get_operators_reader().map_err(invalid)?;
        let mut values = Values::new(locals);
        let mut runs = Runs::new(cost::locals(locals));
        let (mut highest, mut deepest) = (0, 0);
        while !operators.eof() {
            let offset = operators.original_position();
            let operator = operators.read().map_err(invalid)?;
            if let Operator::BrTable { targets } = &operator {
                counts.note(Limit::BranchTargets, u64::from(targets.len()) + 1)?;
            }
            validator.op(offset, &operator).map_err(invalid)?;
            values.operator(&operator, counts);
            runs.operator(&operator, cost::operator(&operator))
                .map_err(invalid)?;
            let height = validator.operand_stack_height();
            let depth = validator.control_stack_height();
            // Only a new extreme can break a limit, so only that is compared with it.
            if height > highest {
                highest = height;
                counts.note(Limit::FrameSlots, locals + u64::from(height))?;
            }
            if depth > deepest {
                deepest = depth;
                counts.note(Limit::Nesting, u64::from(depth))?;
            }
        }
        operators.finish().map_err(invalid)?;
        counts.function_values(values.total())?;
        self.charges.push(runs.finish());
        self.allocations = validator.into_allocations();
        Ok(())
    }
}
