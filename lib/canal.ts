/**
 * O que se pede a uma conexão e a quem as aceita: o bastante de `Deno.Conn` e de `Deno.Listener`
 * para que um teste possa pôr uma rede sua no lugar da verdadeira.
 *
 * ```ts
 * import { type Canal, fecharSeAberto } from "./canal.ts";
 *
 * using ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const canal: Canal = await Deno.connect({ hostname: "127.0.0.1", port: ouvinte.addr.port });
 * fecharSeAberto(canal);
 * fecharSeAberto(canal); // de novo, nada faz
 * ```
 *
 * @module
 */

/** Uma conexão: bytes para um lado e para o outro. */
export interface Canal {
  /** Lê o que houver; `null`, o outro lado acabou de enviar. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Escreve ao menos um byte; devolve quantos. */
  write(bytes: Uint8Array): Promise<number>;
  /** Acaba de enviar, e continua a ler. */
  closeWrite(): Promise<void>;
  /** Fecha; o que estiver à espera falha. */
  close(): void;
  /** Completa o TLS, se o há. */
  handshake?(): Promise<unknown>;
  readonly localAddr: Deno.NetAddr;
  readonly remoteAddr: Deno.NetAddr;
}

/** Quem aceita conexões. */
export interface Ouvinte {
  /** A próxima conexão; falha depois de {@linkcode close}. */
  accept(): Promise<Canal>;
  /** Não aceita mais. */
  close(): void;
  readonly addr: Deno.NetAddr;
}

/** Fecha uma conexão que talvez já esteja fechada. */
export function fecharSeAberto(canal: Canal | undefined): void {
  try {
    canal?.close();
  } catch {
    // Já estava.
  }
}

/** Acaba de enviar por uma conexão que talvez já tenha acabado, ou se tenha perdido. */
export async function acabarDeEnviar(canal: Canal): Promise<void> {
  try {
    await canal.closeWrite();
  } catch {
    // Já estava; quem lê o saberá.
  }
}

/** Se o erro é de uma conexão perdida, ou de um sistema que não deixa; e não do próprio programa. */
export function erroDaRede(erro: unknown): boolean {
  return !(erro instanceof TypeError || erro instanceof RangeError ||
    erro instanceof ReferenceError);
}

/**
 * O ouvinte, com o TCP ajustado em cada conexão: nada espera para ir junto (NODELAY), e quem some
 * da rede acaba por ser notado (KEEPALIVE).
 */
export function semEspera(ouvinte: Deno.TcpListener | Deno.TlsListener): Ouvinte {
  return {
    addr: ouvinte.addr,
    close: () => ouvinte.close(),
    async accept() {
      const conn = await ouvinte.accept();
      try {
        if ("setNoDelay" in conn) conn.setNoDelay(true);
        if ("setKeepAlive" in conn) conn.setKeepAlive(true);
      } catch {
        // Quem discou já desistiu; a primeira leitura o dirá.
      }
      return conn;
    },
  };
}
