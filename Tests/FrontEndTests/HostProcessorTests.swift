import Testing

@testable import swiftlet

/// What `/proc/cpuinfo` says of the first processor.
struct HostProcessorTests {
    private func processor(flags: String, rest: String = "") -> HostProcessor {
        let text = """
            processor\t: 0
            vendor_id\t: GenuineIntel
            flags\t\t: \(flags)
            vmx flags\t: vnmi svm
            address sizes\t: 46 bits physical, 48 bits virtual
            power management:
            \(rest)
            """
        return HostProcessor(cpuinfo: Array(text.utf8))
    }

    @Test func wordsAreWhole() {
        #expect(processor(flags: "fpu vmx lm").hasVMX)
        #expect(processor(flags: "fpu lm svm").hasSVM)
        let neither = processor(flags: "fpu svmx vmxs svm_lock avx")
        #expect(!neither.hasVMX && !neither.hasSVM)
    }

    @Test func theFirstProcessorCounts() {
        let rest = "\nprocessor\t: 1\nflags\t\t: vmx\naddress sizes\t: 39 bits physical, 48 bits virtual\n"
        let first = processor(flags: "fpu", rest: rest)
        #expect(first.physicalAddressBits == 46 && !first.hasVMX)
    }

    @Test(arguments: ["", "\n", "flags", "flags\t\t: vmx", "address sizes", "address sizes\t:", "address sizes\t: x"])
    func whatIsCutOffSaysNothing(_ text: String) {
        let processor = HostProcessor(cpuinfo: Array(text.utf8))
        #expect(processor.physicalAddressBits == nil && !processor.hasSVM)
    }
}
