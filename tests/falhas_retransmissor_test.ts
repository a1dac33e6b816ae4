import { assertEquals } from "@std/assert";
import { ate } from "./apoio.ts";
import { pausar, sorteio } from "./falhas/acaso.ts";
import { Retransmissor } from "./falhas/retransmissor.ts";

/** Quanto se espera para dizer que algo não chega, em milissegundos. */
const SILENCIO_MS = 150;

/** Um lado de uma conexão: o que recebeu, e se acabou. */
class Ponta {
  recebido = "";
  acabou = false;
  readonly #conexao: Deno.TcpConn;
  readonly #leitura: Promise<void>;

  constructor(conexao: Deno.TcpConn) {
    this.#conexao = conexao;
    this.#leitura = this.#ler();
  }

  async #ler(): Promise<void> {
    const buffer = new Uint8Array(1024);
    try {
      for (let n; (n = await this.#conexao.read(buffer)) !== null;) {
        this.recebido += new TextDecoder().decode(buffer.subarray(0, n));
      }
    } catch {
      // Derrubada, por este lado ou pelo outro.
    }
    this.acabou = true;
  }

  async enviar(texto: string): Promise<void> {
    await this.#conexao.write(new TextEncoder().encode(texto));
  }

  chegar(texto: string): Promise<boolean> {
    return ate(() => this.recebido === texto, `chegar "${texto}"`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#conexao.close();
    } catch {
      // Já fechada.
    }
    await this.#leitura;
  }
}

/** Um retransmissor com um destino que aceita, e quem disque por ele. */
function montar() {
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const retransmissor = new Retransmissor(ouvinte.addr.port, sorteio(1));
  const pontas: Ponta[] = [];
  const aberta = (conexao: Deno.TcpConn) => {
    const ponta = new Ponta(conexao);
    pontas.push(ponta);
    return ponta;
  };
  return {
    retransmissor,
    /** Uma conexão: quem discou, e o destino. */
    async ligar(): Promise<[Ponta, Ponta]> {
      const aceita = ouvinte.accept();
      const discada = await Deno.connect({ hostname: "127.0.0.1", port: retransmissor.porta });
      return [aberta(discada), aberta(await aceita)];
    },
    async [Symbol.asyncDispose]() {
      for (const ponta of pontas) await ponta[Symbol.asyncDispose]();
      await retransmissor[Symbol.asyncDispose]();
      ouvinte.close();
    },
  };
}

Deno.test("Retransmissor.engole um sentido: o outro passa, e as conexões ficam abertas", async () => {
  await using rede = montar();
  const [origem, destino] = await rede.ligar();
  rede.retransmissor.engole = "ida";
  await origem.enviar("perdido");
  await destino.enviar("passa");
  await origem.chegar("passa");
  await pausar(SILENCIO_MS);
  assertEquals([destino.recebido, destino.acabou, origem.acabou], ["", false, false]);
});

Deno.test("Retransmissor.engole os dois sentidos: as conexões novas são aceitas, e engolidas", async () => {
  await using rede = montar();
  rede.retransmissor.engole = "os dois";
  const [origem, destino] = await rede.ligar();
  await origem.enviar("perdido");
  await destino.enviar("perdido");
  await pausar(SILENCIO_MS);
  assertEquals([origem.recebido, destino.recebido], ["", ""]);
  assertEquals([origem.acabou, destino.acabou], [false, false]);
});

Deno.test("Retransmissor.sarar() corta só as conexões de que algo foi engolido", async () => {
  await using rede = montar();
  const [lesada, outroLado] = await rede.ligar();
  const [inteira, destino] = await rede.ligar();
  rede.retransmissor.engole = "ida";
  await lesada.enviar("perdido");
  await pausar(SILENCIO_MS);
  rede.retransmissor.sarar();
  await ate(() => lesada.acabou && outroLado.acabou, "cair a conexão que perdeu bytes");
  await inteira.enviar("passa");
  await destino.chegar("passa");
  assertEquals([outroLado.recebido, inteira.acabou], ["", false]);
});

Deno.test("Retransmissor.engole também o fim de um lado: o outro só o sabe quando sara", async () => {
  await using rede = montar();
  const [origem, destino] = await rede.ligar();
  rede.retransmissor.engole = "ida";
  await origem[Symbol.asyncDispose]();
  await pausar(SILENCIO_MS);
  assertEquals(destino.acabou, false);
  rede.retransmissor.sarar();
  await ate(() => destino.acabou, "o destino saber que a origem acabou");
});

Deno.test("Retransmissor mudo, ao contrário, entrega quando sara, pela mesma conexão", async () => {
  await using rede = montar();
  const [origem, destino] = await rede.ligar();
  rede.retransmissor.mudo = "ida";
  await origem.enviar("espera");
  await pausar(SILENCIO_MS);
  assertEquals(destino.recebido, "");
  rede.retransmissor.sarar();
  await destino.chegar("espera");
});
