// Threads in calls that are known: in a monitor, a park, a sleep and a read.
public class Waits {
    static final Object gate = new Object();

    static void knownMonitor() throws Exception {
        synchronized (gate) {
            gate.wait();
        }
    }

    static void knownPark() {
        for (;;)
            java.util.concurrent.locks.LockSupport.park();
    }

    static void knownSleep(int depth) throws Exception {
        if (depth > 0)
            knownSleep(depth - 1);
        else
            Thread.sleep(3600000);
    }

    interface Body {
        void run() throws Exception;
    }

    static void start(String name, Body body) {
        Thread thread = new Thread(() -> {
            try {
                body.run();
            } catch (Exception e) {
                throw new RuntimeException(e);
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
    }

    public static void main(String[] arguments) throws Exception {
        start("waits-monitor", Waits::knownMonitor);
        start("waits-park", Waits::knownPark);
        start("waits-sleep", () -> knownSleep(5));
        Thread.sleep(300);
        System.out.println("ready");
        System.out.flush();
        Thread.sleep(3600000);
    }
}
