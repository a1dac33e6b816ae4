/**
 * O cliente: a console com INIT, PUT e GET do enunciado (seção 4), os mesmos
 * pedidos pela linha de comando, e uma biblioteca.
 *
 * ```ts
 * import { Cliente } from "./cliente.ts";
 * import { Servidor } from "./servidor.ts";
 *
 * await using servidor = await Servidor.iniciar({ porta: 0, replicas: 0 });
 * await using cliente = new Cliente([servidor.endereco]);
 * await cliente.put("cor", "azul");
 * const { value, timestamp } = await cliente.get("cor");
 * if (value !== "azul" || timestamp !== 1) throw new Error("não voltou igual");
 * ```
 *
 * Na ordem: a classe; o elo, que é uma conexão com muitos pedidos em curso (o
 * servidor também o usa, para falar com o líder); e o que os dois programas têm
 * em comum na console: o teclado, a saída e as opções da linha de comando.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { TextLineStream } from "@std/streams/text-line-stream";
import {
  abrirEntrada,
  abrirSaida,
  citar,
  type Corpo,
  type CorpoDe,
  type Endereco,
  ENDERECOS_PADRAO,
  type Entrada,
  jsonVisivel,
  lerEndereco,
  lerIp,
  lerPorta,
  LINHA_BYTES_MAX,
  LINHA_DE_SERVIDOR_BYTES_MAX,
  Mensagem,
  type Saida,
  textoDoEndereco,
  VERSAO,
  visivel,
} from "./mensagem.ts";

// === Limites =================================================================

/** Espera máxima padrão por uma resposta, em milissegundos; depois, falha. */
const PRAZO_MS = 10_000;

/** Espera máxima por uma conexão: um servidor que sumiu da rede não gasta o prazo dos outros. */
const CONECTAR_MS = 2_000;

/** Primeira e maior espera antes de repetir um pedido, em milissegundos; dobra a cada vez. */
const REPETIR_MS = { primeira: 10, maior: 500 } as const;

/** Intervalo entre pulsos, em milissegundos: os sinais de vida entre servidores. */
export const PULSO_MS = 1_000;

/** Pulsos sem um byte do outro lado até dar um servidor por perdido. */
export const PULSOS_MUDOS_MAX = 4;

/** O sinal de vida. */
const PULSE = new Mensagem({ tipo: "PULSE" }).linha();

/** Com que folga os prazos são verificados, em milissegundos. */
export const RELOGIO_MS = 20;

/** Maior espera que um temporizador aceita, em milissegundos (2^31 − 1, uns 24 dias). */
export const ESPERA_MS_MAX = 2 ** 31 - 1;

// === Tipos públicos ==========================================================

/** Opções de um {@linkcode Cliente}. */
export interface OpcoesDoCliente {
  /** Espera máxima por pedido, em milissegundos (10000). */
  prazo?: number;
  /**
   * Se, até o prazo, o pedido recomeça em outro servidor depois de um
   * TRY_OTHER_SERVER_OR_LATER, ou quando nenhum pôde ser alcançado (`true`; na
   * console é `false`, para que se veja o que cada servidor respondeu).
   */
  repetir?: boolean;
  /** Como os servidores provam quem são e se protege o que viaja (nada). */
  seguranca?: Seguranca;
  /** Anota cada mensagem; ver {@linkcode abrirRastro} (nada). */
  rastro?: Rastro | undefined;
}

/** O PUT_OK, e de que servidor: o endereço é o que o cliente escolheu. */
export interface RespostaDoPut extends CorpoDe<"PUT_OK"> {
  /** `IP:PORTA`. */
  readonly servidor: string;
}

/** A resposta de um GET. */
export interface RespostaDoGet {
  /** Se o servidor tem o que este cliente já viu, ou não. */
  readonly tipo: "GET_OK" | "TRY_OTHER_SERVER_OR_LATER";
  /** O id do pedido. */
  readonly id?: number | undefined;
  /** A key pedida. */
  readonly key: string;
  /** `null` se a key não existe; ausente num TRY_OTHER_SERVER_OR_LATER. */
  readonly value?: string | null;
  /** O timestamp da key no servidor; zero se ele não a tem. */
  readonly timestamp: number;
  /** O servidor que respondeu, `IP:PORTA`. */
  readonly servidor: string;
  /** O timestamp que este cliente enviou com o GET. */
  readonly meuTimestamp: number;
}

/** O `cause` dos erros de um pedido: se ele certamente não teve nem terá efeito. */
export interface CausaDaFalha {
  /** Se certamente não teve nem terá efeito; `false`, não se sabe. */
  readonly definitivo: boolean;
  /** O ERRO do servidor, quando foi ele que recusou. */
  readonly resposta?: CorpoDe<"ERRO">;
}

function falha(texto: string, cause: CausaDaFalha): Error {
  return new Error(texto, { cause });
}

/** Se o erro garante que o pedido não teve efeito; na dúvida, não. */
export function falhaDefinitiva(erro: unknown): boolean {
  const causa = erro instanceof Error ? erro.cause as CausaDaFalha | undefined : undefined;
  return causa?.definitivo === true;
}

// === A classe Cliente ========================================================

/** Um cliente do sistema: seus timestamps, um por key, e um elo com cada servidor. */
export class Cliente {
  /** Os servidores; o cliente não sabe, nem deve saber, qual é o líder. */
  readonly #servidores: readonly Ligacao[];
  /** O maior timestamp que este cliente já viu de cada key; zero se nunca viu (seção 4). */
  readonly #timestamps = new Map<string, number>();
  readonly #prazo: number;
  readonly #repetir: boolean;
  readonly #opcoesDoElo: OpcoesDoElo;
  #fechado = false;

  /**
   * Prepara um cliente; nada é enviado até o primeiro pedido.
   *
   * @param servidores Um ou mais, como `"IP:PORTA"` ou {@linkcode Endereco}.
   * @throws {TypeError | RangeError} se um endereço não é válido ou não há nenhum.
   */
  constructor(servidores: readonly (string | Endereco)[], opcoes: OpcoesDoCliente = {}) {
    if (servidores.length === 0) throw new TypeError("Cliente sem servidores: informe ao menos um");
    this.#servidores = servidores.map((servidor) => {
      const endereco = typeof servidor === "string" ? lerEndereco(servidor) : servidor;
      return { endereco, nome: textoDoEndereco(endereco), elo: undefined, discando: undefined };
    });
    this.#prazo = opcoes.prazo ?? PRAZO_MS;
    this.#repetir = opcoes.repetir ?? true;
    this.#opcoesDoElo = { seguranca: opcoes.seguranca, rastro: opcoes.rastro };
  }

  /**
   * Seção 4b. Envia o PUT a um servidor sorteado e espera o PUT_OK com o
   * timestamp: nesse momento todos os servidores têm este value ou um mais novo.
   *
   * @throws {TypeError | RangeError} se key ou value não podem ser enviados.
   * @throws {Error} se não houve PUT_OK; o `cause` é {@linkcode CausaDaFalha}. Um
   * PUT que pode ter chegado a um servidor nunca é repetido.
   */
  async put(key: string, value: string): Promise<RespostaDoPut> {
    const pedido = validar({ tipo: "PUT", key, value });
    const { resposta, servidor } = await this.#pedir(pedido, this.#relogio());
    if (resposta.tipo !== "PUT_OK") throw inesperada(resposta, servidor);
    this.#timestamps.set(key, Math.max(this.#timestamp(key), resposta.timestamp));
    return { ...resposta, servidor };
  }

  /**
   * Seção 4c. Envia o GET, com o último timestamp que este cliente tem da key, a
   * um servidor sorteado. Nunca devolve um value anterior a um que já devolveu,
   * nem com vários pedidos em curso.
   *
   * @throws {TypeError | RangeError} se key não pode ser enviada.
   * @throws {Error} se nenhum servidor respondeu no prazo.
   */
  async get(key: string): Promise<RespostaDoGet> {
    const relogio = this.#relogio();
    for (let tentativa = 0;; tentativa++) {
      const meuTimestamp = this.#timestamp(key);
      const pedido = validar({ tipo: "GET", key, timestamp: meuTimestamp });
      const { resposta, servidor } = await this.#pedir(pedido, relogio);
      const { tipo } = resposta;
      if (tipo !== "GET_OK" && tipo !== "TRY_OTHER_SERVER_OR_LATER") {
        throw inesperada(resposta, servidor);
      }
      // Se outro pedido deste cliente, enquanto isso, viu um value mais novo,
      // este GET_OK já seria voltar no tempo: pergunta de novo.
      const atual = resposta.timestamp >= this.#timestamp(key);
      // Igual ao que já tinha, não há o que guardar: com muitas keys, poupa uma consulta ao Map.
      if (tipo === "GET_OK" && atual && resposta.timestamp > meuTimestamp) {
        this.#timestamps.set(key, resposta.timestamp);
      }
      const serve = tipo === "GET_OK" ? atual : !this.#repetir;
      if (serve || !await relogio.esperar(tentativa)) {
        const { id, timestamp } = resposta;
        return tipo === "GET_OK" && atual
          ? { ...resposta, servidor, meuTimestamp }
          : { tipo: "TRY_OTHER_SERVER_OR_LATER", id, key, timestamp, servidor, meuTimestamp };
      }
    }
  }

  /** Fecha os elos; os pedidos em curso falham na hora. Fechar de novo nada faz. */
  async fechar(): Promise<void> {
    this.#fechado = true;
    await Promise.allSettled(this.#servidores.map(({ discando }) => discando));
    for (const { elo } of this.#servidores) elo?.fechar("Cliente fechado");
  }

  /** O mesmo que {@linkcode fechar}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.fechar();
  }

  /** Fica com os timestamps de outro cliente dos mesmos servidores: um INIT repetido não os esquece. */
  async #suceder(anterior: Cliente): Promise<void> {
    await anterior.fechar();
    const nomes = (cliente: Cliente) => cliente.#servidores.map(({ nome }) => nome).sort().join();
    if (nomes(this) !== nomes(anterior)) return;
    for (const [key, timestamp] of anterior.#timestamps) this.#timestamps.set(key, timestamp);
  }

  /** O último timestamp que este cliente tem da key. */
  #timestamp(key: string): number {
    return this.#timestamps.get(key) ?? 0;
  }

  /** O tempo de um pedido, contado de agora. */
  #relogio(): Relogio {
    const fim = performance.now() + this.#prazo;
    const resta = () => Math.max(0, fim - performance.now());
    const esperar = async (tentativa: number) => {
      const ms = esperaDaTentativa(tentativa, REPETIR_MS.primeira, REPETIR_MS.maior);
      if (this.#fechado || ms >= resta()) return false;
      await new Promise((resolver) => setTimeout(resolver, ms));
      return true;
    };
    return { resta, esperar };
  }

  /**
   * Envia o pedido a um servidor sorteado. Se não o alcança, tenta outro; um GET,
   * que não muda nada, também quando a conexão se perde ou a resposta não vem.
   */
  async #pedir(pedido: Corpo, relogio: Relogio): Promise<{ resposta: Corpo; servidor: string }> {
    for (let tentativa = 0;; tentativa++) {
      let motivo = "";
      const ordem = sortear(this.#servidores);
      for (const [n, ligacao] of ordem.entries()) {
        if (this.#fechado) throw falha("Cliente fechado", { definitivo: true });
        let { elo } = ligacao;
        try {
          // Parte do prazo é dos servidores que ainda não tentou; menos para um PUT enviado.
          const faltam = ordem.length - n;
          elo ??= await this.#discar(ligacao, relogio.resta() / faltam);
          const partes = pedido.tipo === "GET" ? faltam : 1;
          const resposta = await elo.pedir(pedido, relogio.resta() / partes);
          return { resposta, servidor: ligacao.nome };
        } catch (erro) {
          const outro = !elo || pedido.tipo === "GET" || falhaDefinitiva(erro);
          if (!outro || relogio.resta() === 0) throw erro;
          motivo = textoDoErro(erro);
        }
      }
      if (!this.#repetir || !await relogio.esperar(tentativa)) {
        throw falha(`Nenhum servidor pôde ser alcançado: ${motivo}`, { definitivo: true });
      }
    }
  }

  /** Disca, ou espera quem já está discando. */
  #discar(ligacao: Ligacao, prazo: number): Promise<Elo> {
    return ligacao.discando ??= discar(ligacao.endereco, prazo, {
      ...this.#opcoesDoElo,
      aoPerder: () => ligacao.elo = undefined,
    }).then((elo) => {
      if (!elo.perdido) ligacao.elo = elo;
      return elo;
    }).finally(() => ligacao.discando = undefined);
  }

  // --- Console ---------------------------------------------------------------

  /**
   * O programa: opções, depois um pedido só (`put`, `get`) ou o menu. Devolve o
   * código de saída: 0, um servidor respondeu ou o teclado acabou; 1, falha; 2,
   * uso errado.
   */
  static async main(args: readonly string[]): Promise<number> {
    const tela = abrirTela();
    let opcoes: OpcoesDaLinha;
    try {
      opcoes = lerLinhaDeComando(args);
    } catch (erro) {
      tela.erro(`ERRO: ${textoDoErro(erro)}`);
      await tela.esvaziar();
      return 2;
    }
    const { servidores, pedido, json } = opcoes;
    let codigo = 0;
    if (opcoes.texto) {
      tela.linha(opcoes.texto);
    } else if (pedido) {
      await using cliente = new Cliente(servidores ?? ENDERECOS_PADRAO, opcoes.cliente);
      codigo = await Cliente.#executar(cliente, pedido, tela, json) ? 0 : 1;
    } else {
      await Cliente.#menu(servidores, opcoes.cliente, tela);
    }
    await tela.esvaziar();
    return codigo;
  }

  /** Seção 6: o menu interativo, só com INIT, PUT e GET. */
  static async #menu(
    servidores: readonly Endereco[] | undefined,
    opcoes: OpcoesDoCliente,
    tela: Tela,
  ) {
    let cliente = servidores && new Cliente(servidores, opcoes);
    const teclado = await abrirTeclado(tela);
    try {
      for (;;) {
        const escolha = await teclado.perguntar("Menu: 1) INIT  2) PUT  3) GET\nOpção: ");
        const funcao = FUNCOES[escolha.trim().toUpperCase()];
        if (funcao === "INIT") {
          const novo = new Cliente(await Cliente.#init(teclado, tela), opcoes);
          if (cliente) await novo.#suceder(cliente);
          cliente = novo;
        } else if (!funcao) {
          tela.erro(`ERRO: opção inválida: ${citar(escolha)}; escolha INIT, PUT ou GET`);
        } else if (!cliente) {
          tela.erro(`ERRO: faça INIT antes de ${funcao}`);
        } else {
          const key = await teclado.perguntar("key: ");
          if (key === "") tela.erro("ERRO: key não pode ser vazia");
          else if (funcao === "GET") await Cliente.#executar(cliente, { key }, tela);
          else {
            const value = await teclado.perguntar("value: ");
            await Cliente.#executar(cliente, { key, value }, tela);
          }
        }
      }
    } catch (erro) {
      if (erro !== FIM_DO_TECLADO) throw erro;
    } finally {
      teclado.fechar();
      await cliente?.fechar();
    }
  }

  /** Seção 4a. INIT: captura do teclado os IPs e as portas dos três servidores. */
  static async #init(teclado: Teclado, tela: Tela): Promise<Endereco[]> {
    const servidores: Endereco[] = [];
    for (const [n, padrao] of ENDERECOS_PADRAO.entries()) {
      const nome = `do servidor ${n + 1}`;
      const ip = await perguntarAte(teclado, tela, `IP ${nome}`, padrao.ip, lerIp);
      const porta = String(padrao.porta);
      servidores.push({
        ip,
        porta: await perguntarAte(teclado, tela, `Porta ${nome}`, porta, lerPorta),
      });
    }
    return servidores;
  }

  /** Faz um pedido e mostra o resultado numa linha (seção 6); `false` se falhou. */
  static async #executar(
    cliente: Cliente,
    { key, value }: PedidoDaConsole,
    tela: Tela,
    json = false,
  ): Promise<boolean> {
    try {
      if (value !== undefined) {
        const { servidor, ...corpo } = await cliente.put(key, value);
        tela.linha(
          json ? jsonVisivel(corpo) : `PUT_OK key: ${visivel(key)} value ${visivel(value)} ` +
            `timestamp ${corpo.timestamp} realizada no servidor ${servidor}`,
        );
      } else {
        const { servidor, meuTimestamp, ...corpo } = await cliente.get(key);
        const valor = corpo.tipo === "GET_OK" ? corpo.value ?? "NULL" : corpo.tipo;
        tela.linha(
          json ? jsonVisivel(corpo) : `GET key: ${visivel(key)} value: ${visivel(valor)} ` +
            `obtido do servidor ${servidor}, meu timestamp ${meuTimestamp} ` +
            `e do servidor ${corpo.timestamp}`,
        );
      }
      return true;
    } catch (erro) {
      const { resposta } = (erro as Error).cause as CausaDaFalha | undefined ?? {};
      if (json && resposta) tela.linha(jsonVisivel(resposta));
      const certeza = value === undefined
        ? ""
        : falhaDefinitiva(erro)
        ? " (o PUT não aconteceu)"
        : " (o PUT pode ter acontecido)";
      tela.erro(`ERRO: ${textoDoErro(erro)}${certeza}`);
      return false;
    } finally {
      await tela.esvaziar();
    }
  }
}

/** Um servidor, e o elo com ele: discado no primeiro pedido, e de novo quando se perde. */
interface Ligacao {
  readonly endereco: Endereco;
  /** O endereço, como se mostra. */
  readonly nome: string;
  elo: Elo | undefined;
  discando: Promise<Elo> | undefined;
}

/** O tempo que um pedido ainda tem. */
interface Relogio {
  /** Milissegundos até o prazo; nunca negativo. */
  resta(): number;
  /** Espera antes da próxima tentativa; `false`, sem esperar, se o prazo acabaria antes. */
  esperar(tentativa: number): Promise<boolean>;
}

/** Um pedido feito na console: PUT se há value, senão GET. */
type PedidoDaConsole = { key: string; value?: string };

/** O que o menu aceita, por nome ou número. */
const FUNCOES: { readonly [escolha: string]: "INIT" | "PUT" | "GET" } = {
  "1": "INIT",
  "2": "PUT",
  "3": "GET",
  INIT: "INIT",
  PUT: "PUT",
  GET: "GET",
};

/**
 * Valida o pedido como o servidor fará, para que o erro apareça antes de sair.
 * Um erro aqui é definitivo: nada foi enviado.
 */
function validar(pedido: Corpo): Corpo {
  try {
    const { corpo } = Mensagem.ler(pedido);
    // Um caractere ocupa até 6 bytes em JSON: quase sempre basta o comprimento.
    const value = corpo.tipo === "PUT" ? corpo.value : "";
    if (value.length * 6 <= LINHA_BYTES_MAX / 2) return corpo;
    const linha = new Mensagem({ ...corpo, id: Number.MAX_SAFE_INTEGER }).linha();
    const bytes = new TextEncoder().encode(linha).length;
    if (bytes <= LINHA_BYTES_MAX) return corpo;
    throw new RangeError(
      `Pedido recusado: a linha teria ${bytes} bytes, o limite é ${LINHA_BYTES_MAX}`,
    );
  } catch (erro) {
    (erro as Error).cause = { definitivo: true } satisfies CausaDaFalha;
    throw erro;
  }
}

/** O erro de uma resposta que não é a esperada: quase sempre, um ERRO do servidor. */
function inesperada(resposta: Corpo, servidor: string): Error {
  return resposta.tipo === "ERRO"
    ? falha(`${resposta.erro} (servidor ${servidor})`, {
      definitivo: resposta.definitivo,
      resposta,
    })
    : falha(`Resposta inesperada do servidor ${servidor}: ${resposta.tipo}`, { definitivo: false });
}

/** Os itens numa ordem ao acaso (Fisher-Yates). */
function sortear<T>(itens: readonly T[]): T[] {
  const ordem = [...itens];
  for (let i = ordem.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [ordem[i], ordem[j]] = [ordem[j]!, ordem[i]!];
  }
  return ordem;
}

/**
 * Quanto esperar antes de repetir, em milissegundos: dobra a cada tentativa, até
 * `maior`, com metade ao acaso para que muitos não voltem juntos. (A forma é a
 * de `@std/async/retry`.)
 */
export function esperaDaTentativa(tentativa: number, primeira: number, maior: number): number {
  const teto = Math.min(maior, primeira * 2 ** Math.min(tentativa, 30));
  return teto * (0.5 + Math.random() / 2);
}

// === O elo: uma conexão com muitos pedidos em curso ==========================
// Cada pedido leva um id; a resposta o repete e acha quem espera num Map. Perdida
// a conexão, todos os que esperam falham na hora, pelo mesmo motivo. (O desenho é
// o do cliente do NATS, core/src/muxsubscription.ts e request.ts.)

/** Uma conexão discada por nós; ver {@linkcode discar}. */
export interface Elo {
  /** O outro lado, `IP:PORTA`. */
  readonly endereco: string;
  /** Se a conexão acabou, por um lado ou pelo outro. */
  readonly perdido: boolean;
  /**
   * Envia um pedido e espera a resposta, que pode ser um ERRO. Falha se a conexão
   * se perde ou o prazo (em milissegundos; sem ele, não há) acaba, com
   * `cause.definitivo` falso: o pedido pode ter chegado.
   */
  pedir(pedido: Corpo, prazo?: number): Promise<Corpo>;
  /** Envia uma linha, uma mensagem que não tem resposta própria. */
  enviar(linha: string): void;
  /** Passa a dar sinal de vida a cada pulso, e fecha a conexão quando o outro lado emudece. */
  vigiar(): void;
  /** Fecha a conexão; quem espera falha com este motivo. Fechar de novo nada faz. */
  fechar(motivo: string): void;
}

/** Como discar, e o que um {@linkcode Elo} avisa. */
export interface OpcoesDoElo {
  /** Como provar quem se é, e proteger o que viaja (nada). */
  seguranca?: Seguranca | undefined;
  /** Anota o que passa (nada). */
  rastro?: Rastro | undefined;
  /** A conexão acabou, por este motivo; uma vez só. */
  aoPerder?: (motivo: string) => void;
  /** Chegou uma mensagem sem id, que não responde a nenhum pedido. */
  aoReceber?: (corpo: Corpo) => void;
}

/**
 * Disca para um servidor.
 *
 * @param prazo Espera máxima pela conexão, em milissegundos, até {@linkcode CONECTAR_MS}.
 * @throws {Error} se não conecta; `cause.definitivo` verdadeiro, nada foi enviado.
 */
export async function discar(
  endereco: Endereco,
  prazo: number,
  opcoes: OpcoesDoElo = {},
): Promise<Elo> {
  const { segredo, tls } = opcoes.seguranca ?? {};
  const fim = performance.now() + prazo;
  const elo = abrirElo(await conectar(endereco, prazo, tls), textoDoEndereco(endereco), opcoes);
  if (segredo !== undefined) {
    try {
      await provarSegredo(elo, segredo, Math.max(1, fim - performance.now()));
    } catch (erro) {
      elo.fechar("sem prova do segredo");
      throw falha(`${elo.endereco}: ${textoDoErro(erro)}`, { definitivo: true });
    }
  }
  return elo;
}

/** O elo por uma conexão aberta; `nome` é o outro lado. */
function abrirElo(
  conexao: Deno.Conn,
  nome: string,
  { rastro, aoPerder, aoReceber }: OpcoesDoElo,
): Elo {
  const espera = abrirEspera(nome);
  let motivoDaPerda: string | undefined;
  let vigia: ReturnType<typeof setInterval> | undefined;
  const entrada = abrirEntrada(
    conexao,
    () => LINHA_DE_SERVIDOR_BYTES_MAX,
    { aoReceber: rastro?.("recebeu", conexao) },
  );
  const saida = abrirSaida(conexao, {
    aoEnviar: rastro?.("enviou", conexao),
    aoFalhar: (erro) => perder(`Conexão perdida com ${nome}: ${textoDoErro(erro)}`),
  });
  saida.emLotes = true;

  function perder(motivo: string, definitivo = false) {
    if (motivoDaPerda !== undefined) return;
    motivoDaPerda = motivo;
    conexao.close();
    clearInterval(vigia);
    espera.desistir(motivo, definitivo);
    aoPerder?.(motivo);
  }

  function receber(linha: string) {
    for (const item of Mensagem.abrir(linha).itens) {
      const { corpo } = Mensagem.ler(item);
      if (corpo.id === undefined) aoReceber?.(corpo);
      else espera.responder(corpo.id, corpo);
    }
  }

  async function ler() {
    for (let linhas; (linhas = await entrada.ler());) linhas.forEach(receber);
    if (entrada.falha) throw entrada.falha;
  }
  ler().then(
    () => perder(`Conexão encerrada por ${nome}`),
    (erro) => {
      // Quem responde em TLS não entendeu nenhum pedido: só isso falha antes de se ler algo.
      const definitivo = entrada.lidos === 0 && erro instanceof TypeError;
      perder(`Conexão perdida com ${nome}: ${textoDoErro(erro)}`, definitivo);
    },
  );

  return {
    endereco: nome,
    get perdido() {
      return motivoDaPerda !== undefined;
    },
    pedir(pedido, prazo = Infinity) {
      if (motivoDaPerda !== undefined) {
        return Promise.reject(falha(motivoDaPerda, { definitivo: true }));
      }
      const { id, resposta } = espera.abrir(prazo);
      saida.enviar(new Mensagem({ ...pedido, id }).linha());
      return resposta;
    },
    enviar: saida.enviar,
    fechar: (motivo) => perder(motivo),
    vigiar() {
      if (motivoDaPerda !== undefined) return;
      vigia = pulsar(entrada, saida, () => perder(`Servidor ${nome} não responde`));
    },
  };
}

/** A cada pulso dá sinal de vida, ou avisa que o outro lado emudeceu; até `clearInterval`. */
function pulsar(
  entrada: Entrada,
  saida: Saida,
  aoEmudecer: () => void,
): ReturnType<typeof setInterval> {
  let [lidos, mudos] = [0, 0];
  return setInterval(() => {
    mudos = entrada.lidos === lidos ? mudos + 1 : 0;
    lidos = entrada.lidos;
    if (mudos > PULSOS_MUDOS_MAX) aoEmudecer();
    else saida.enviar(PULSE);
  }, PULSO_MS);
}

/** Os pedidos de um elo à espera de resposta, cada um com o seu prazo. */
interface Espera {
  /** Um pedido novo: o id que leva, e a resposta que terá; o prazo é em milissegundos. */
  abrir(prazo: number): { id: number; resposta: Promise<Corpo> };
  /** Chegou a resposta a um id; a que vem depois do prazo não tem quem a espere. */
  responder(id: number, resposta: Corpo): void;
  /** Todos falham, por este motivo; `definitivo`, se certamente nenhum teve efeito. */
  desistir(motivo: string, definitivo: boolean): void;
}

function abrirEspera(nome: string): Espera {
  const pendentes = new Map<number, Pendente>();
  let ultimoId = 0;
  let relogio: ReturnType<typeof setTimeout> | undefined;

  function verificarPrazos() {
    const agora = performance.now();
    for (const [id, { vence, prazo, rejeitar }] of pendentes) {
      if (vence > agora) continue;
      pendentes.delete(id);
      rejeitar(falha(`Sem resposta de ${nome} em ${Math.round(prazo)} ms`, { definitivo: false }));
    }
    relogio = pendentes.size > 0 ? setTimeout(verificarPrazos, RELOGIO_MS) : undefined;
  }

  return {
    abrir(prazo) {
      const id = ++ultimoId;
      const resposta = new Promise<Corpo>((resolver, rejeitar) => {
        pendentes.set(id, { resolver, rejeitar, prazo, vence: performance.now() + prazo });
      });
      if (prazo < Infinity) relogio ??= setTimeout(verificarPrazos, RELOGIO_MS);
      return { id, resposta };
    },
    responder(id, resposta) {
      pendentes.get(id)?.resolver(resposta);
      pendentes.delete(id);
    },
    desistir(motivo, definitivo) {
      clearTimeout(relogio);
      for (const { rejeitar } of pendentes.values()) rejeitar(falha(motivo, { definitivo }));
      pendentes.clear();
    },
  };
}

/** Quem espera uma resposta. */
interface Pendente {
  resolver(resposta: Corpo): void;
  rejeitar(erro: Error): void;
  /** A espera máxima, em milissegundos, e quando acaba, por `performance.now()`. */
  readonly prazo: number;
  readonly vence: number;
}

/**
 * Abre uma conexão TCP, ou TLS.
 *
 * @throws {Error} se não conecta no prazo, em milissegundos; o `cause` diz que nada foi enviado.
 */
export async function conectar(
  { ip, porta }: Endereco,
  prazo: number,
  tls?: Seguranca["tls"],
): Promise<Deno.TcpConn | Deno.TlsConn> {
  const desistir = new AbortController();
  let conexao: Deno.TcpConn | Deno.TlsConn | undefined;
  const temporizador = setTimeout(() => {
    desistir.abort();
    conexao?.close();
  }, Math.min(prazo, CONECTAR_MS));
  try {
    conexao = await Deno.connect({ hostname: ip, port: porta, signal: desistir.signal });
    conexao.setNoDelay(true);
    if (!tls) return conexao;
    conexao = await Deno.startTls(conexao, {
      hostname: ip,
      caCerts: tls.ca === undefined ? [] : [tls.ca],
    });
    await conexao.handshake();
    return conexao;
  } catch (erro) {
    if (!desistir.signal.aborted) fecharSeAberta(conexao);
    const motivo = desistir.signal.aborted ? "não responde" : textoDoErro(erro);
    throw falha(`${textoDoEndereco({ ip, porta })}: ${motivo}`, { definitivo: true });
  } finally {
    clearTimeout(temporizador);
  }
}

/** Fecha uma conexão que talvez já esteja fechada. */
export function fecharSeAberta(conexao: Deno.Conn | undefined): void {
  try {
    conexao?.close();
  } catch {
    // Já estava.
  }
}

// === O segredo e o TLS =======================================================
// Com --segredo, cada lado de uma conexão prova ao outro que sabe o mesmo segredo,
// sem o mostrar: cada um propõe 32 bytes ao acaso e responde com o HMAC-SHA-256 dos
// dois desafios. O nome do lado entra na conta, e por isso devolver a um lado a
// prova dele não vale. (É a troca de ISO/IEC 9798-4, com três mensagens.)

/** Como se protege uma conexão; sem nada, como no enunciado. */
export interface Seguranca {
  /** O segredo de todos os clientes e servidores do grupo; ver {@linkcode lerSegredo}. */
  segredo?: string | undefined;
  /** Presente: fala TLS, e confia na autoridade deste certificado (PEM; sem ele, nas do sistema). */
  tls?: { readonly ca?: string | undefined } | undefined;
}

/** Bytes que um segredo tem de ter ao menos; menos, adivinha-se de uma prova ouvida. */
const SEGREDO_BYTES_MIN = 16;

/** Um desafio novo: 32 bytes ao acaso, em hexadecimal. */
export function novoDesafio(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** Os dois desafios de uma conexão: o de quem discou e o de quem atendeu. */
export type Desafios = readonly [string, string];

/** Os dois lados de uma conexão: quem discou e quem atendeu. */
export type Lado = "cliente" | "servidor";

async function chaveDe(segredo: string): Promise<CryptoKey> {
  const bytes = new TextEncoder().encode(segredo);
  const algoritmo = { name: "HMAC", hash: "SHA-256" };
  return await crypto.subtle.importKey("raw", bytes, algoritmo, false, ["sign", "verify"]);
}

function oQueSeProva(lado: Lado, desafios: Desafios) {
  return new TextEncoder().encode([lado, ...desafios].join("\n"));
}

/** A prova de um lado, em hexadecimal. */
export async function provar(segredo: string, lado: Lado, desafios: Desafios): Promise<string> {
  const prova = await crypto.subtle.sign(
    "HMAC",
    await chaveDe(segredo),
    oQueSeProva(lado, desafios),
  );
  return new Uint8Array(prova).toHex();
}

/** Se a prova é a deste lado; `crypto.subtle.verify` compara em tempo constante. */
export async function conferirProva(
  segredo: string,
  lado: Lado,
  desafios: Desafios,
  prova: string,
): Promise<boolean> {
  return await crypto.subtle.verify(
    "HMAC",
    await chaveDe(segredo),
    Uint8Array.fromHex(prova),
    oQueSeProva(lado, desafios),
  );
}

/** Prova ao servidor que sabe o segredo, e exige dele o mesmo. */
async function provarSegredo(elo: Elo, segredo: string, prazo: number): Promise<void> {
  const desafio = novoDesafio();
  const resposta = await elo.pedir({ tipo: "AUTH", desafio }, prazo);
  if (resposta.tipo === "ERRO") throw new Error(resposta.erro);
  const desafios = resposta.tipo === "AUTH_CHALLENGE" && [desafio, resposta.desafio] as const;
  const provado = resposta.tipo === "AUTH_CHALLENGE" && desafios &&
    await conferirProva(segredo, "servidor", desafios, resposta.prova);
  if (!provado) throw new Error("não provou que sabe o segredo");
  const prova = await provar(segredo, "cliente", desafios);
  const aceite = await elo.pedir({ tipo: "AUTH_PROOF", prova }, prazo);
  if (aceite.tipo === "ERRO") throw new Error(aceite.erro);
  if (aceite.tipo !== "AUTH_OK") throw new Error(`respondeu ${aceite.tipo}`);
}

/**
 * Lê o arquivo do segredo; um fim de linha no fim não conta.
 *
 * @throws {Error} se não pode ser lido, é curto, ou (onde o sistema sabe) outros o podem ler.
 */
export function lerSegredo(caminho: string): string {
  const segredo = lerArquivo(caminho).replace(/\r?\n$/, "");
  const { mode } = Deno.statSync(caminho);
  if (mode !== null && Deno.build.os !== "windows" && (mode & 0o077) !== 0) {
    throw new Error(`outros podem ler ${citar(caminho)}; use chmod 600`);
  }
  const bytes = new TextEncoder().encode(segredo).length;
  if (bytes < SEGREDO_BYTES_MIN) {
    throw new RangeError(`o segredo tem ${bytes} bytes, o mínimo é ${SEGREDO_BYTES_MIN}`);
  }
  return segredo;
}

/** Lê um arquivo PEM: um certificado ou uma chave. @throws {Error} como {@linkcode lerArquivo}. */
export function lerPem(caminho: string): string {
  const texto = lerArquivo(caminho);
  if (texto.includes("-----BEGIN ")) return texto;
  throw new Error(`${citar(caminho)} não é um arquivo PEM`);
}

/** Lê um arquivo de texto pequeno. @throws {Error} que diz qual arquivo e por quê. */
function lerArquivo(caminho: string): string {
  try {
    return Deno.readTextFileSync(caminho);
  } catch (cause) {
    throw new Error(`não é possível ler ${citar(caminho)}: ${textoDoErro(cause)}`, { cause });
  }
}

// === O rastro ================================================================

/** Para cada conexão e sentido, quem anota as suas linhas; ver {@linkcode abrirRastro}. */
export type Rastro = (sentido: "enviou" | "recebeu", conexao: Deno.Conn) => (linha: string) => void;

/** Num rastro, que outros podem ler, não fica o token que prova quem é o líder. */
const semToken = (campo: string, valor: unknown) => campo === "token" ? undefined : valor;

/**
 * Abre um arquivo onde se anota, numa linha JSON cada, tudo o que se envia e recebe:
 * `quando` (milissegundos desde 1970, com fração), `quem`, os dois lados da conexão
 * (`local` e `remoto`), `sentido` e `mensagem`. É o que exemplos/diagrama.ts desenha.
 *
 * @throws {Error} se o arquivo não pode ser aberto.
 */
export function abrirRastro(caminho: string, quem: string): Rastro {
  let arquivo: Deno.FsFile;
  try {
    arquivo = Deno.openSync(caminho, { append: true, create: true });
  } catch (cause) {
    throw new Error(`não é possível gravar em ${citar(caminho)}: ${textoDoErro(cause)}`, { cause });
  }
  const codificador = new TextEncoder();
  const nome = (endereco: Deno.Addr) => {
    const { hostname, port } = endereco as Deno.NetAddr;
    return textoDoEndereco({ ip: hostname, porta: port });
  };
  return (sentido, { localAddr, remoteAddr }) => {
    const [local, remoto] = [nome(localAddr), nome(remoteAddr)];
    return (linha) => {
      const quando = performance.timeOrigin + performance.now();
      let texto = "";
      try {
        for (const mensagem of Mensagem.abrir(linha).itens) {
          texto += JSON.stringify({ quando, quem, local, remoto, sentido, mensagem }, semToken) +
            "\n";
        }
      } catch {
        return; // Não é JSON: não é uma mensagem.
      }
      arquivo.writeSync(codificador.encode(texto));
    };
  };
}

// === Erros em palavras nossas ================================================

/** Nossas palavras para os erros de rede e de disco mais comuns; os outros, como vierem. */
export function textoDoErro(erro: unknown): string {
  if (!(erro instanceof Error)) return String(erro);
  if (erro instanceof Deno.errors.ConnectionRefused) return "conexão recusada";
  if (erro instanceof Deno.errors.ConnectionReset) return "conexão derrubada";
  if (erro instanceof Deno.errors.BrokenPipe) return "conexão derrubada";
  if (erro instanceof Deno.errors.AddrInUse) return "endereço já em uso";
  if (erro instanceof Deno.errors.NotFound) return "não existe";
  if (erro instanceof Deno.errors.AlreadyExists) return "já existe, e não é uma pasta";
  if (erro instanceof Deno.errors.PermissionDenied) return "sem permissão";
  if (erro instanceof Deno.errors.NotCapable) return "sem permissão do Deno (--allow-…)";
  if (/UnknownIssuer|BadSignature/.test(erro.message)) {
    return "o certificado não é da autoridade de --tls-ca";
  }
  if (/not ?valid ?for ?name/i.test(erro.message)) {
    return "o certificado não vale para este endereço";
  }
  if (/KeyMismatch/.test(erro.message)) return "a chave não é a do certificado";
  if (/certificate.*expired/i.test(erro.message)) return "o certificado expirou";
  if (/InvalidContentType|tls handshake eof/i.test(erro.message)) {
    return "o outro lado não fala TLS";
  }
  if (erro instanceof Deno.errors.AddrNotAvailable) return "o endereço não é desta máquina";
  return visivel(erro.message);
}

// === Console dos dois programas ==============================================

/** A tela: stdout e stderr. Escrever não falha, nem espera por quem a lê; ver {@linkcode abrirTela}. */
export interface Tela {
  /** Uma linha em stdout. */
  linha(texto: string): void;
  /** Uma linha em stderr. */
  erro(texto: string): void;
  /** Espera que tudo tenha sido escrito. */
  esvaziar(): Promise<void>;
  /**
   * Cumprida quando as linhas de stdout até aqui foram escritas; `undefined` se já
   * foram, ou se ninguém lê a console: esperar por ela pararia o serviço.
   */
  mostrada(): Promise<void> | undefined;
  /**
   * Se stdout é um arquivo, passa a escrever nele sem passar por outra thread: numa
   * console ou num pipe isso pararia o programa quando ninguém lê; um arquivo recebe
   * sempre, e cada PUT_OK espera pela sua linha (docs/desempenho.md). Fora de um
   * terminal custa uns 40 ms, que é o que node:fs leva a carregar.
   */
  notarArquivo(): Promise<void>;
}

/**
 * Intervalo mínimo entre escritas na tela, em milissegundos, se ninguém espera por
 * elas: uma por volta custaria mais do que os próprios pedidos.
 */
const TELA_INTERVALO_MS = 5;

/** Espera por uma escrita na tela, em milissegundos; além, dá-se por não lida até esvaziar. */
const TELA_ESPERA_MS = 100;

/** Caracteres à espera de uma saída que ninguém lê; além, as linhas novas se perdem e são contadas. */
const TELA_MAX = 16 * 1024 * 1024;

/** Espaça escritas de ao menos `ms` milissegundos; `soltar` dispensa a espera, uma vez. */
function espacar(ms: number): { agendar(): Promise<void>; soltar(): void } {
  let aVez = 0;
  let aoSoltar = () => {};
  return {
    agendar() {
      const agora = performance.now();
      const espera = aVez - agora;
      aVez = Math.max(aVez, agora) + ms;
      if (espera <= 0) return Promise.resolve();
      return new Promise((resolver) => {
        const temporizador = setTimeout(resolver, espera);
        aoSoltar = () => {
          clearTimeout(temporizador);
          resolver();
        };
      });
    },
    soltar() {
      aVez = 0;
      aoSoltar();
    },
  };
}

/** Abre a tela. As linhas que chegam perto umas das outras saem numa escrita só. */
export function abrirTela(): Tela {
  let arquivo = false;
  let parada = false;
  const stdout = {
    write: (bytes: Uint8Array) =>
      arquivo ? Promise.resolve(Deno.stdout.writeSync(bytes)) : Deno.stdout.write(bytes),
  };
  const { agendar, soltar } = espacar(TELA_INTERVALO_MS);
  const aoFalhar = (erro: unknown) =>
    escrever("erro", `Aviso: as linhas não podem ser mostradas: ${textoDoErro(erro)}`);
  const saidas = {
    linha: abrirSaida(stdout, { agendar, aoFalhar }),
    erro: abrirSaida(Deno.stderr),
  };
  const naoMostradas = { linha: 0, erro: 0 };

  function escrever(qual: "linha" | "erro", texto: string) {
    const saida = saidas[qual];
    if (saida.fila > TELA_MAX) {
      naoMostradas[qual]++;
      return;
    }
    if (naoMostradas[qual] > 0) {
      const perdidas = naoMostradas[qual];
      naoMostradas[qual] = 0;
      escrever("erro", `Aviso: ${perdidas} linhas não foram mostradas: a console não era lida`);
    }
    saida.enviar(texto);
  }

  function esvaziarLinhas(): Promise<void> {
    soltar();
    return saidas.linha.esvaziar();
  }

  /** Espera as linhas; ninguém as lendo, dá a tela por parada até que saiam. */
  async function mostrar(): Promise<void> {
    const escrita = esvaziarLinhas().then(() => parada = false);
    let temporizador: ReturnType<typeof setTimeout> | undefined;
    const demora = new Promise((resolver) => temporizador = setTimeout(resolver, TELA_ESPERA_MS));
    await Promise.race([escrita, demora.then(() => parada = true)]);
    clearTimeout(temporizador);
  }

  return {
    linha: (texto) => escrever("linha", texto),
    erro: (texto) => escrever("erro", texto),
    async esvaziar() {
      await esvaziarLinhas();
      await saidas.erro.esvaziar();
    },
    mostrada: () => saidas.linha.fila === 0 || parada ? undefined : mostrar(),
    async notarArquivo() {
      if (Deno.stdout.isTerminal()) return;
      const { fstatSync } = await import("node:fs");
      try {
        arquivo = fstatSync(1).isFile();
      } catch {
        // O sistema não sabe dizer (um pipe, no Windows): não é um arquivo.
      }
    },
  };
}

/** O que uma pergunta lança quando a entrada acaba. */
export const FIM_DO_TECLADO: unique symbol = Symbol("fim do teclado");

/** O teclado, ou o que estiver na entrada. */
export interface Teclado {
  /** Mostra o texto e espera uma linha. @throws {typeof FIM_DO_TECLADO} se a entrada acaba. */
  perguntar(texto: string): Promise<string>;
  /** Devolve o terminal; não há mais perguntas. */
  fechar(): void;
}

/**
 * Abre o teclado, ou o que estiver na entrada. Redirecionada, ninguém ecoa o Enter
 * de quem responde: cada pergunta acaba em fim de linha, para que o que vem depois
 * comece no começo da sua.
 */
export function abrirTeclado(tela: Tela): Promise<Teclado> {
  if (Deno.stdin.isTerminal()) return abrirTerminal(tela);
  const entrada: ReadableStream<string> = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const linhas = entrada.getReader();
  return Promise.resolve({
    async perguntar(texto) {
      tela.linha(texto.trimEnd());
      await tela.esvaziar();
      const { value, done } = await linhas.read();
      if (done) throw FIM_DO_TECLADO;
      return value;
    },
    fechar: () => void linhas.cancel().catch(() => {}),
  });
}

/**
 * O teclado de verdade, por `node:readline`, que acerta os acentos na console do
 * Windows. O que se digita (ou cola) antes de haver uma pergunta fica guardado, e
 * só aparece quando for a sua vez.
 */
async function abrirTerminal(tela: Tela): Promise<Teclado> {
  const { createInterface } = await import("node:readline");
  const { Writable } = await import("node:stream");
  const { default: process } = await import("node:process");
  let perguntando = false;
  const eco = new Writable({
    write(texto, _codificacao, pronto) {
      if (perguntando) process.stdout.write(texto);
      pronto();
    },
  });
  Object.defineProperty(eco, "columns", { get: () => process.stdout.columns });
  const leitor = createInterface({ input: process.stdin, output: eco, terminal: true });
  const adiantadas: string[] = [];
  let fechado = false;
  let aoChegar: (() => void) | undefined;
  leitor.on("line", (linha: string) => {
    perguntando = false;
    adiantadas.push(linha);
    aoChegar?.();
  });
  leitor.on("close", () => {
    fechado = true;
    aoChegar?.();
  });
  // Num terminal é readline quem recebe Ctrl-C e Ctrl-Z; este deixaria a console presa.
  leitor.on("SIGTSTP", () => {});
  leitor.on("SIGINT", () => {
    leitor.close();
    process.stdout.write("\n");
    Deno.exit(130);
  });
  return {
    async perguntar(texto) {
      const adiantada = adiantadas[0];
      if (adiantada !== undefined) tela.linha(texto + visivel(adiantada));
      await tela.esvaziar();
      if (adiantada === undefined && !fechado) {
        // O que não é a última linha do texto não faz parte da que readline redesenha.
        const corte = texto.lastIndexOf("\n") + 1;
        process.stdout.write(texto.slice(0, corte));
        perguntando = true;
        leitor.setPrompt(texto.slice(corte));
        leitor.prompt(true);
      }
      while (adiantadas.length === 0 && !fechado) {
        await new Promise<void>((resolver) => aoChegar = resolver);
      }
      if (adiantadas.length === 0 && perguntando) process.stdout.write("\n");
      perguntando = false;
      const linha = adiantadas.shift();
      if (linha === undefined) throw FIM_DO_TECLADO;
      return linha;
    },
    fechar: () => leitor.close(),
  };
}

/** Pergunta até a resposta servir, e devolve o que `ler` fez dela; vazia, vale o padrão. */
export async function perguntarAte<T>(
  teclado: Teclado,
  tela: Tela,
  pergunta: string,
  padrao: string,
  ler: (texto: string) => T,
): Promise<T> {
  for (;;) {
    const resposta = await teclado.perguntar(`${pergunta} [${padrao}]: `);
    try {
      return ler(resposta.trim() === "" ? padrao : resposta);
    } catch (erro) {
      tela.erro(`ERRO: ${textoDoErro(erro)}`);
    }
  }
}

/** As opções como vieram, por nome, e os argumentos sem nome. */
export interface Argumentos {
  /** O valor de cada opção, pelo nome sem os traços. */
  readonly opcoes: { readonly [nome: string]: string };
  /** Os argumentos sem nome, em ordem. */
  readonly livres: readonly string[];
}

/**
 * Lê `--nome=valor`, `--nome valor` e os sinais `--nome`; `--help`, `-h` e
 * `--version` valem `--ajuda` e `--versao`. Um sinal presente vale `"sim"`.
 *
 * @throws {TypeError} se uma opção não existe, ou lhe falta ou sobra um valor.
 */
export function lerArgumentos(
  args: readonly string[],
  nomes: { textos: readonly string[]; sinais: readonly string[] },
): Argumentos {
  const sinais = [...nomes.sinais, "ajuda", "versao"];
  const fim = args.indexOf("--");
  for (const arg of fim < 0 ? args : args.slice(0, fim)) {
    const [nome, valor] = arg.split("=", 2);
    if (valor !== undefined && sinais.some((sinal) => nome === `--${sinal}`)) {
      throw new TypeError(`A opção ${nome} não leva valor: ${citar(valor)}`);
    }
  }
  const lidos = parseArgs([...args], {
    string: [...nomes.textos, "_"],
    boolean: sinais,
    alias: { ajuda: ["help", "h"], versao: "version" },
    unknown: (arg: string, nome?: string) => {
      if (nome === undefined) return;
      const dica = !arg.startsWith("--")
        ? `; antes de um valor que começa com "-", ponha "--"`
        : "";
      throw new TypeError(`Opção desconhecida: ${citar(arg)}; veja --ajuda${dica}`);
    },
  }) as { readonly [nome: string]: unknown; readonly _: readonly (string | number)[] };
  const opcoes: { [nome: string]: string } = {};
  for (const nome of nomes.textos) {
    const valor = lidos[nome];
    if (valor === undefined) continue;
    if (valor === "") throw new TypeError(`A opção --${nome} precisa de um valor`);
    opcoes[nome] = String(valor);
  }
  for (const nome of sinais) if (lidos[nome] === true) opcoes[nome] = "sim";
  return { opcoes, livres: lidos._.map(String) };
}

/** Chama `ler` com o valor de uma opção; o erro, se houver, leva o nome dela. */
export function lerOpcao<T>(
  { opcoes }: Argumentos,
  nome: string,
  ler: (texto: string) => T,
): T | undefined {
  const texto = opcoes[nome];
  if (texto === undefined) return undefined;
  try {
    return ler(texto);
  } catch (erro) {
    throw new TypeError(`--${nome}: ${textoDoErro(erro)}`, { cause: erro });
  }
}

/** Um leitor de números inteiros entre dois limites, para {@linkcode lerOpcao}. */
export function inteiroEntre(minimo: number, maximo: number): (texto: string) => number {
  return (texto) => {
    const numero = /^\d{1,15}$/.test(texto) ? Number(texto) : NaN;
    if (numero >= minimo && numero <= maximo) return numero;
    throw new RangeError(`deve ser um inteiro de ${minimo} a ${maximo}: ${citar(texto)}`);
  };
}

// === Linha de comando do cliente =============================================

const AJUDA = `Uso: cliente [opções]                  menu com INIT, PUT e GET
     cliente [opções] put KEY VALUE    um PUT só
     cliente [opções] get KEY          um GET só

  --servidores=IP:PORTA,IP:PORTA,IP:PORTA
                 os servidores, em vez do INIT (com put e get, sem esta
                 opção: 127.0.0.1, portas 10097, 10098 e 10099)
  --json         com put e get: mostra a resposta em JSON, numa linha
  --prazo=MS     maior espera por uma resposta (${PRAZO_MS})
  --segredo=ARQUIVO   prova que sabe este segredo, e exige o mesmo de quem serve
  --tls-ca=ARQUIVO    fala TLS, e confia na autoridade deste certificado (PEM)
  --rastro=ARQUIVO    anota cada mensagem enviada e recebida
  --ajuda, --help, -h       este texto
  --versao, --version       a versão

Antes de uma key ou um value que começa com "-", ponha "--".
Saída de put e get: 0 um servidor respondeu, 1 falha, 2 uso errado.`;

/** O que a linha de comando pede. */
interface OpcoesDaLinha {
  /** Um texto a mostrar, e mais nada: ajuda ou versão. */
  readonly texto?: string | undefined;
  readonly servidores: readonly Endereco[] | undefined;
  readonly cliente: OpcoesDoCliente;
  readonly json: boolean;
  readonly pedido: PedidoDaConsole | undefined;
}

function lerLinhaDeComando(args: readonly string[]): OpcoesDaLinha {
  const textos = ["servidores", "prazo", "segredo", "tls-ca", "rastro"];
  const lidos = lerArgumentos(args, { textos, sinais: ["json"] });
  const { opcoes, livres } = lidos;
  const texto = opcoes.ajuda ? AJUDA : opcoes.versao ? `cliente ${VERSAO}` : undefined;
  const servidores = lerOpcao(lidos, "servidores", (lista) => lista.split(",").map(lerEndereco));
  const prazo = lerOpcao(lidos, "prazo", inteiroEntre(1, ESPERA_MS_MAX)) ?? PRAZO_MS;
  const pedido = lerPedido(livres);
  if (opcoes.json && !pedido) throw new TypeError("--json só vale com put ou get");
  const ca = lerOpcao(lidos, "tls-ca", lerPem);
  const seguranca = {
    segredo: lerOpcao(lidos, "segredo", lerSegredo),
    tls: ca === undefined ? undefined : { ca },
  };
  const rastro = lerOpcao(
    lidos,
    "rastro",
    (arquivo) => abrirRastro(arquivo, `cliente ${Deno.pid}`),
  );
  const cliente = { prazo, repetir: false, seguranca, rastro };
  return { texto, servidores, cliente, json: opcoes.json !== undefined, pedido };
}

function lerPedido(livres: readonly string[]): PedidoDaConsole | undefined {
  const [comando, key, value] = livres;
  if (comando === undefined) return undefined;
  const nome = comando.toLowerCase();
  if (nome === "put" && livres.length === 3) return { key: key!, value: value! };
  if (nome === "get" && livres.length === 2) return { key: key! };
  if (nome === "put") throw new TypeError("Uso: put KEY VALUE");
  if (nome === "get") throw new TypeError("Uso: get KEY");
  throw new TypeError(`Comando desconhecido: ${citar(comando)}; use put ou get`);
}

if (import.meta.main) Deno.exit(await Cliente.main(Deno.args));
