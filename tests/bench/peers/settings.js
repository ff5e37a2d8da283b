// Node-RED as the bench starts it: no editor and no port of its own, no reports to anyone,
// no modules fetched; otherwise its defaults. The environment says the rest (peer_node_red.c).
'use strict';

// Node-RED cannot be told to set TCP_NODELAY. This sets it from outside, to show what it is worth.
if (process.env.PEER_NODELAY === 'yes') {
    const net = require('net');
    const connect = net.Socket.prototype.connect;
    net.Socket.prototype.connect = function (...args) {
        this.setNoDelay(true);
        return connect.apply(this, args);
    };
}

module.exports = {
    uiHost: '127.0.0.1',
    httpAdminRoot: false,
    httpNodeRoot: false,
    disableEditor: true,
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false },
                       modules: { allowInstall: false } },
    credentialSecret: false,
    logging: { console: { level: 'info', metrics: false, audit: false } },
    // The clock of the bench, so that a flow can say when it decided.
    functionGlobalContext: { monotonic_ns: () => Number(process.hrtime.bigint()) },
};
