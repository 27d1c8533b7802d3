import CLinux
import Glibc
import Host
import Testing

@Suite struct TerminalSizeTests {
    @Test func aTerminalIsAsked() throws {
        let terminal = try CookedTerminal()
        var size = winsize(ws_row: 10, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0)
        let result = withUnsafeMutablePointer(to: &size) { pointer in
            cl_ioctl(terminal.descriptor.rawValue, UInt(TIOCSWINSZ), UInt(bitPattern: pointer))
        }
        #expect(result == 0)
        let told = TerminalSize(of: terminal.descriptor.descriptor)
        #expect(told.columns == 60 && told.rows == 10)
    }

    @Test func whatHasNoSizeIsUsual() throws {
        let terminal = try CookedTerminal()
        let told = TerminalSize(of: terminal.descriptor.descriptor)
        #expect(told.columns == 80 && told.rows == 24)
        let (ours, theirs) = try makeByteChannel()
        defer { [ours, theirs].forEach { try? $0.close() } }
        #expect(TerminalSize(of: ours) == told)
    }
}
