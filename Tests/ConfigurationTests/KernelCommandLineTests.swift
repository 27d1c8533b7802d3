import Configuration
import Testing

@Suite struct KernelCommandLineTests {
    private let defaults =
        "console=ttyS0 panic=-1 quiet loglevel=1 pci=off 8250.nr_uarts=1 cryptomgr.notests noreplace-smp swiotlb=noforce"
        + " memhp_default_state=online_movable"

    @Test func theUsersTextFollowsTheDefaults() {
        #expect(KernelCommandLine().text == defaults)
        #expect(KernelCommandLine(addition: "a=b  c").text == defaults + " a=b  c")
    }

    @Test func defaultsCanBeDropped() {
        #expect(KernelCommandLine(includesDefaults: false).text == "")
        #expect(KernelCommandLine(includesDefaults: false, addition: "x").text == "x")
    }

    @Test func aVerboseBootDropsOnlyWhatKeepsItQuiet() {
        #expect(
            KernelCommandLine(isVerbose: true, addition: "x").text
                == "console=ttyS0 panic=-1 pci=off 8250.nr_uarts=1 cryptomgr.notests noreplace-smp swiotlb=noforce"
                + " memhp_default_state=online_movable x"
        )
    }

    @Test func eachWordIsExplained() {
        #expect(KernelCommandLine.defaults.allSatisfy { !$0.explanation.isEmpty })
    }
}
